import type { AverageSpec } from '../ir/average.js';
import type { GraphBuilder } from '../ir/builder.js';
import { AVERAGE_COUNT, AVERAGE_SHARE, averageOf } from '../ir/graph-names.js';
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

/**
 * One step of the averages of all trained parameters and running statistics. How much of what the step leaves enters them is an input, 0
 * where none is due; `ok`: whether the step takes place, where that is a question.
 */
export function addAverages(builder: GraphBuilder, written: readonly Written[], { kind }: AverageSpec, ok: ValueId | undefined): void {
  const share = builder.add({ op: 'input', attrs: { name: AVERAGE_SHARE }, type: SHARE });
  const guard = ok === undefined ? [] : [ok];
  const why = ok === undefined ? '' : '; left alone when a gradient overflowed';
  const count = declareState(builder, AVERAGE_COUNT, COUNT, 'average', 0, 'averages taken so far');
  for (const { node, state, result } of written) {
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
