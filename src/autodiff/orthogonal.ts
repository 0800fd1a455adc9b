import type { GraphBuilder } from '../ir/builder.js';
import type { Shape, ValueId } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import { matrixShape, type Orthogonal } from '../ops/update-rules.js';
import type { Parameter } from './parameter.js';

/** Of the quintic a x + b x^3 + c x^5 that each step applies to all singular values (Jordan et al. 2024). */
const [A, B, C] = [3.4445, -4.775, 2.0315];

/** What such an update reads besides: the direction made orthogonal, and the norm of the weight where that is brought to another. */
export interface OrthogonalOperands {
  readonly o: ValueId;
  readonly norm?: ValueId;
}

/**
 * The direction of an update, its gradient with momentum, and of that the nearest orthogonal matrix, by Newton and Schulz. Momentum, norm
 * and the matrix itself are in f32; what its products are in, the precision pass decides as of any other.
 */
export function addOrthogonal(
  builder: GraphBuilder,
  { node, gradient }: Parameter,
  { momentum, nesterov, steps, eps, renormalize }: Orthogonal,
  buf: ValueId | undefined,
): OrthogonalOperands {
  const at = { updateOf: node.id };
  const times = (x: ValueId, factor: number): ValueId => emit(builder, 'scale', [x], { factor }, at);
  const plus = (a: ValueId, b: ValueId): ValueId => emit(builder, 'add', [a, b], {}, at);
  const under = (x: ValueId, shape: Shape): ValueId => (node.type.shape.length === 2 ? x : emit(builder, 'reshape', [x], { shape }, at));
  let direction = gradient;
  if (buf !== undefined) {
    const kept = plus(times(buf, momentum), gradient);
    direction = nesterov ? plus(times(kept, momentum), gradient) : kept;
  }
  const norm = emit(builder, 'global_norm', [direction], {}, { ...at, why: 'norm of the direction, in f32' });
  const why = 'no singular value above 1: Newton and Schulz begins there';
  const unit = emit(builder, 'over_norm', [direction, norm], { eps }, { ...at, why });
  const [rows, columns] = matrixShape(node.type.shape);
  const isTall = columns <= rows;
  let x = under(unit, [rows, columns]);
  for (let step = 0; step < steps; step += 1) {
    // Of the products of the matrix and itself, the smaller one.
    const gram = emit(builder, 'matmul', [x, x], { transposed: isTall ? 'a' : 'b' }, at);
    const square = emit(builder, 'matmul', [gram, gram], {}, at);
    const polynomial = plus(times(gram, B), times(square, C));
    x = plus(times(x, A), emit(builder, 'matmul', isTall ? [x, polynomial] : [polynomial, x], {}, at));
  }
  const o = under(x, node.type.shape);
  if (!renormalize) return { o };
  return { o, norm: emit(builder, 'global_norm', [node.id], {}, { ...at, why: 'norm of the weight, in f32' }) };
}
