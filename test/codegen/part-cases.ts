import assert from 'node:assert/strict';
import type { ComputeType, ValueId } from '../../src/ir/types.js';
import { planGraph } from '../../src/plan/plan-graph.js';
import { defaultTarget } from '../../src/plan/target.js';
import { namedRandom } from '../ops/random.js';
import { CaseBuilder, type ContractionCase } from './contraction-cases.js';

/**
 * An image, by itself or made by a convolution, joined element by element with parts of larger ones: ranges of each axis, the last of
 * them of rows that are a part of the whole ones.
 */
export function partCase(dtype: ComputeType, seed: number): ContractionCase {
  const b = new CaseBuilder(namedRandom('parts', seed), dtype, false);
  const { random } = b;
  const shape = [random.int(1, 3), random.int(2, 4), random.int(2, 5), random.pick([32, 33, 47, 48, 84])];
  const channels = shape[3]!;
  const image = b.low('x', shape);
  const convolved = seed % 2 === 0;
  let y = convolved
    ? b.emit('conv2d', [image, b.low('weight', [1, 1, channels, channels])], { stride: [1, 1], padding: [0, 0, 0, 0] })
    : b.emit('scale', [image], { factor: 0.5 });
  const part = (axis: number): ValueId => {
    const [before, behind] = [random.int(0, 13), random.int(0, 3)];
    const size = shape[axis]!;
    const whole = b.low(`whole${axis}`, shape.with(axis, before + size + behind));
    return b.emit('slice', [whole], { axis, start: before, size });
  };
  for (const axis of [3, 0, 2, 1]) y = b.emit(axis % 2 === 0 ? 'mul' : 'add', [y, part(axis)]);
  const result = b.emit('relu', [y]);
  const item = b.finish(`parts in [${shape}], seed ${seed}`, { result });
  const { groups, graph } = planGraph(item.graph, 1, defaultTarget('cpu'));
  const stored = groups.flatMap(({ stores }) => stores.map((id) => graph.nodes[id]!.op));
  assert.ok(!stored.includes('slice'), `${item.title}: ${stored.join()}`);
  return item;
}
