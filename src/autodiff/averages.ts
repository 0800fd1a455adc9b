import type { AverageSpec } from '../ir/average.js';
import type { GraphBuilder } from '../ir/builder.js';
import { AVERAGE_COUNT, AVERAGE_SHARE, averageOf } from '../ir/graph-names.js';
import { isState } from '../ir/structure.js';
import type { Node, TensorType, ValueId } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import { placeOf } from './parameter.js';
import { declareState } from './state.js';

const SHARE: TensorType = { dtype: 'f32', shape: [] };
const COUNT: TensorType = { dtype: 'i32', shape: [] };

/** A state that the step writes, and what it leaves in it. */
export interface Written {
  readonly node: Node;
  readonly state: string;
  readonly result: ValueId;
}

/** What was trained and is frozen now. */
function stopped({ nodes }: GraphBuilder): readonly Written[] {
  const states = nodes.filter((node) => isState(node) && node.attrs.frozen === true && node.attrs.trained === true);
  return states.map((node) => ({ node, state: String(node.attrs.name), result: node.id }));
}

/**
 * One step of the averages of all trained parameters and running statistics. How much of what the step leaves enters them is an input, 0
 * where none is due; `ok`: whether the step takes place, where that is a question. What was trained and is frozen now enters its average
 * as it is, as in PyTorch's AveragedModel; slow weights end where the weights stop.
 */
export function addAverages(builder: GraphBuilder, written: readonly Written[], { kind }: AverageSpec, ok: ValueId | undefined): void {
  const share = builder.add({ op: 'input', attrs: { name: AVERAGE_SHARE }, type: SHARE });
  const guard = ok === undefined ? [] : [ok];
  const why = ok === undefined ? '' : '; left alone when a gradient overflowed';
  const count = declareState(builder, AVERAGE_COUNT, COUNT, 'average', 0, 'averages taken so far');
  for (const { node, state, result } of kind === 'lookahead' ? written : [...written, ...stopped(builder)]) {
    const name = averageOf(state);
    const average = declareState(builder, name, node.type, 'average', 0, `average of ${state}, f32`);
    if (kind === 'lookahead') {
      const options = { ...placeOf(node), why: `slow weights, f32, from which the weights go on${why}` };
      emit(builder, 'look_ahead', [average, result, share, ...guard], { writes: [name, state] }, options);
    } else {
      const options = { ...placeOf(node), why: `average over the steps, f32${why}` };
      emit(builder, 'update_average', [average, result, count, share, ...guard], { mean: kind === 'swa', writes: [name] }, options);
    }
  }
  emit(builder, 'count_average', [count, share, ...guard], { writes: [AVERAGE_COUNT] }, { why: 'counts averages that were taken' });
}
