import assert from 'node:assert/strict';
import type { ComputeType, ValueId } from '../../src/ir/types.js';
import { sampleChannels } from '../../src/ops/sample.js';
import { planGraph } from '../../src/plan/plan-graph.js';
import { namedRandom } from '../ops/random.js';
import { CaseBuilder, type ContractionCase } from './contraction-cases.js';

/** Which axes of an image [batch, height, width, channels] each operand has that is repeated along the others. */
const FORMS = ['', '---c', 'b--c', '-hwc', 'bhw-', '-h--', 'b---'] as const;

/**
 * An image, by itself or made by a convolution, with one value of each form multiplied or added, two by two in one op, and one of them
 * again behind the activation.
 */
export function repeatCase(dtype: ComputeType, seed: number): ContractionCase {
  const b = new CaseBuilder(namedRandom('repeats', seed), dtype, false);
  const { random } = b;
  const [batch, height, width, channels] = [random.int(1, 3), random.int(2, 4), random.int(2, 5), sampleChannels(random)];
  const shape = [batch, height, width, channels];
  const image = b.low('x', shape);
  const convolved = seed % 2 === 0;
  let y = convolved
    ? b.emit('conv2d', [image, b.low('weight', [1, 1, channels, channels])], { stride: [1, 1], padding: [0, 0, 0, 0] })
    : b.emit('scale', [image], { factor: 0.5 });
  const repeated = (form: string, name: string): ValueId => {
    const sizes = [...form].map((axis, i) => (axis === '-' ? 1 : shape[i]!));
    const source = b.low(name, form.startsWith('-') ? sizes.slice(1) : sizes);
    return b.emit('broadcast', [source], { shape });
  };
  const values = FORMS.map((form, i) => repeated(form, `v${i}`));
  for (const [i, value] of values.entries()) y = b.emit(i % 2 === 0 ? 'mul' : 'add', [y, value]);
  y = b.emit('relu', [y]);
  const result = b.emit('add', [b.emit('mul', [y, values[2]!]), b.emit('mul', [values[3]!, values[4]!])]);
  const item = b.finish(`repeats in [${shape}], seed ${seed}`, { result });
  const { groups, graph } = planGraph(item.graph, 1, { staged: [] });
  const stored = groups.flatMap(({ stores }) => stores.map((id) => graph.nodes[id]!.op));
  assert.ok(!stored.includes('broadcast'), `${item.title}: ${stored.join()}`);
  return item;
}
