import { groupOf } from '../ir/parameter-groups.js';
import { isState } from '../ir/structure.js';
import { kindsOfParameters } from '../ops/kinds-of-parameters.js';
import { type LintFinding, type LintInput, type LintRule, OPTIMIZER_SETTING } from './rule.js';

export const decayOnNorms: LintRule = {
  title: 'weight decay on normalisation',
  meaning: 'Decay pulls the scales and shifts of normalisations to 0 as well, which regularises nothing.',
  check,
};

function check({ recipe, forward }: LintInput): readonly LintFinding[] {
  const { optimizer, groups = [] } = recipe.train;
  const { weightDecay, decayNorms, kind } = optimizer;
  if (weightDecay === 0 || decayNorms === false) return [];
  // Of a group that has a decay of its own, that is meant.
  const grouped = new Map(forward.nodes.filter(isState).map((node) => [String(node.attrs.name), node.layer]));
  const norms = [...kindsOfParameters(forward.nodes)].filter(([name, of]) => {
    if (of !== 'norm_scales' && of !== 'norm_shifts') return false;
    const own = groupOf(groups, name, of)?.optimizer;
    return own === undefined || (own.kind === kind && own.weightDecay === weightDecay && own.decayNorms !== false);
  });
  if (norms.length === 0) return [];
  const names = [...new Set(norms.map(([name]) => grouped.get(name)!))];
  const more = names.length > 2 ? ` and ${names.length - 2} more` : '';
  return [
    {
      message: `weight decay ${weightDecay} also shrinks ${names.slice(0, 2).join(', ')}${more}`,
      why:
        'the scale and shift of a normalisation and the biases are no weights that could overfit; ' +
        'decay only moves what the layer has learnt',
      fix: `write ${kind}(…, decay_norms: false) to decay weights alone`,
      place: OPTIMIZER_SETTING,
    },
  ];
}
