import { opDefinition } from '../ops/index.js';
import { type LintFinding, type LintInput, type LintRule, OPTIMIZER_SETTING } from './rule.js';

export const decayOnNorms: LintRule = {
  title: 'weight decay on normalisation',
  meaning: 'Decay pulls the scales and shifts of normalisations to 0 as well, which regularises nothing.',
  check,
};

function check({ recipe, forward }: LintInput): readonly LintFinding[] {
  const { weightDecay, decayNorms, kind } = recipe.train.optimizer;
  const norms = new Set(forward.nodes.filter((node) => opDefinition(node.op).normalizes === true).map((node) => node.layer));
  if (weightDecay === 0 || decayNorms === false || norms.size === 0) return [];
  const names = [...norms];
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
