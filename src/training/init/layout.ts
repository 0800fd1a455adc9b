import { userError } from '../../diagnostics/diagnostic.js';
import { sameShape } from '../../ir/types.js';
import type { StateInfo } from '../states.js';
import { fits, type Layouts, type Match, matchWeights, storedShape } from './match.js';
import type { NameRule } from './name-map.js';
import type { Source } from './sources.js';
import { WEIGHT_LAYOUTS, type WeightFile, type WeightLayout } from './weight-file.js';

/** Whether the layouts store a state as the same numbers in the same order. */
function isAlike({ name }: StateInfo, layouts: Layouts): boolean {
  return layouts.get(name)?.text === undefined;
}

/** How many of the pairs fit in one layout alone. */
function votes(pairs: readonly Match[], layouts: Layouts): Readonly<Record<WeightLayout, number>> {
  const fitsOnly = (layout: WeightLayout, other: WeightLayout) =>
    pairs.filter(({ state, source }) => fits(state, source, layout, layouts) && !fits(state, source, other, layouts)).length;
  return { ampc: fitsOnly('ampc', 'torch'), torch: fitsOnly('torch', 'ampc') };
}

/**
 * Whose layout the tensors have: what the file or the caller says, or that which the shapes of all tensors fit. Throws UserError AMP7214
 * where shapes fit both, and the numbers would be others.
 */
export function decideLayout(
  file: WeightFile,
  asked: WeightLayout | undefined,
  states: readonly StateInfo[],
  sources: readonly Source[],
  rules: readonly NameRule[],
  layouts: Layouts,
): WeightLayout {
  const said = asked ?? file.layout;
  if (said !== undefined) return said;
  const attempts = WEIGHT_LAYOUTS.map((layout) => {
    const { matches, different } = matchWeights(states, sources, rules, layout, layouts);
    return { layout, matches, named: [...matches, ...different].filter(({ kind }) => kind !== 'order') };
  });
  const [ampc, torch] = attempts as [(typeof attempts)[number], (typeof attempts)[number]];
  const byName = votes(ampc.named, layouts);
  if (byName.ampc > 0 !== byName.torch > 0) return byName.ampc > 0 ? 'ampc' : 'torch';
  if (ampc.matches.length !== torch.matches.length) return ampc.matches.length > torch.matches.length ? 'ampc' : 'torch';
  const unclear = ampc.matches.filter(({ state }) => !isAlike(state, layouts));
  if (unclear.length === 0) return 'ampc';
  const [{ state, source }] = unclear as [Match];
  const shapes = `[${source.shape.join(',')}]`;
  const both = sameShape(storedShape(state, 'ampc', layouts), storedShape(state, 'torch', layouts));
  throw userError(
    'AMP7214',
    `${file.path} does not say in which order its numbers are`,
    `${source.entry} ${shapes} ${both ? 'has the same shape' : 'fits'} as ${layouts.get(state.name)!.text!.ampc} of ampc and as ` +
      `${layouts.get(state.name)!.text!.torch} of PyTorch`,
    'say which with --init-layout torch or --init-layout ampc',
  );
}
