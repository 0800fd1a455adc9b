import type { GraphBuilder } from '../ir/builder.js';
import type { RankShare, WireType } from '../ir/ranks.js';
import type { ValueId } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import { opDefinition } from '../ops/index.js';
import type { EmitOptions } from '../ops/op.js';
import type { TrainedLoss } from './loss.js';
import { type Parameter, placeOf } from './parameter.js';

/** What this rank has of a micro-batch, and in which format gradients travel between all. */
export interface Exchange extends RankShare {
  readonly wire: WireType;
}

function sumOverRanks(
  builder: GraphBuilder,
  value: ValueId,
  { ranks }: Exchange,
  wire: WireType,
  options: Pick<EmitOptions, 'layer' | 'loc' | 'why'>,
): ValueId {
  return emit(builder, 'all_reduce', [value], { ranks, wire, order: 'rank' }, options);
}

/**
 * The gradients of the whole step. What a rank minimises is its images' share of the step's loss, so each part has been divided before it
 * is rounded to the format on the wire: a sum cannot overflow where the parts did not before.
 */
export function exchangeGradients(builder: GraphBuilder, parameters: readonly Parameter[], part: Exchange): readonly Parameter[] {
  const rounded = part.wire === 'f32' ? '' : ' before it is rounded';
  const why = `the gradient of the images of all ranks, each divided by its share of them${rounded}`;
  return parameters.map((p) => ({ ...p, gradient: sumOverRanks(builder, p.gradient, part, part.wire, { ...placeOf(p.node), why }) }));
}

/** What a function reports, of all ranks: losses are means over their images, counts are sums. */
export function exchangeReports(
  builder: GraphBuilder,
  reports: Readonly<Record<string, ValueId>>,
  part: Exchange | undefined,
): Record<string, ValueId> {
  if (part === undefined) return { ...reports };
  const summed = (value: ValueId): ValueId => {
    const isCount = builder.type(value).dtype === 'i32';
    const why = 'its share of what all ranks report';
    const own = isCount ? value : emit(builder, 'scale', [value], { factor: part.share }, { why });
    return sumOverRanks(builder, own, part, 'f32', { why: 'reported, of the images of all ranks' });
  };
  return Object.fromEntries(Object.entries(reports).map(([name, value]) => [name, summed(value)]));
}

/** The mean over all ranks of `factor` times a statistic of each, by their images; what is of all ranks already stays as it is. */
export function exchangeStatistic(
  builder: GraphBuilder,
  statistic: ValueId,
  factor: number,
  part: Exchange,
  place: Pick<EmitOptions, 'layer' | 'loc'>,
): ValueId {
  const isShared = opDefinition(builder.node(statistic).op).kind === 'exchange';
  const share = isShared ? factor : factor * part.share;
  const own = emit(builder, 'scale', [statistic], { factor: share }, { why: "this rank's share of the statistic" });
  if (isShared) return own;
  return sumOverRanks(builder, own, part, 'f32', { ...place, why: 'running statistics move by the mean over all ranks' });
}

/** The loss of a rank without images counts for nothing, whatever it is the sum of. */
export function ofPart(loss: TrainedLoss, part: Exchange | undefined): TrainedLoss {
  return part?.share === 0 ? { ...loss, factor: 0 } : loss;
}
