import assert from 'node:assert/strict';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { Attrs, ValueId } from '../../src/ir/types.js';
import { emit } from '../../src/ops/emit.js';
import { type OpName, opDefinition } from '../../src/ops/index.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import fixture from '../fixtures/pytorch/copies.json' with { type: 'json' };

type Case = (typeof fixture)['roll'];

function assertClose(actual: ArrayLike<number>, expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, `${what}: length`);
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs(actual[i] - value) <= 2e-6 * Math.max(1, Math.abs(value)), `${what}[${i}]: ${actual[i]}, PyTorch ${value}`);
}

/** The ops of `steps` one after the other, and the gradient by their rules. */
function check(c: Case, steps: readonly (readonly [OpName, Attrs])[]): void {
  const builder = new GraphBuilder();
  const states = new Map<string, Float64Array>();
  const state = (name: string, { shape, data }: Case['x']): ValueId => {
    states.set(name, Float64Array.from(data));
    return builder.add({ op: 'state', attrs: { name, role: 'parameter', init: 'constant', value: 0 }, type: { dtype: 'f32', shape } });
  };
  let y = state('x', c.x);
  for (const [op, attrs] of steps) y = emit(builder, op, [y], attrs);
  let dx = state('dy', c.dy);
  assert.deepEqual(builder.type(y).shape, c.y.shape);
  for (let node = builder.node(y); node.inputs.length > 0; node = builder.node(node.inputs[0])) {
    const { gradient } = opDefinition(node.op);
    assert.ok(gradient !== 'none');
    const emitted = (op: OpName, inputs: readonly ValueId[], attrs: Attrs) => emit(builder, op, inputs, attrs);
    dx = gradient({ builder, node, dy: dx, needs: () => true, emit: emitted })[0]!;
  }
  const { values } = evaluateGraph(builder.finish('case', { y, dx }), {}, states, { float64: true });
  assertClose(values.get(y)!, c.y.data, 'y');
  assertClose(values.get(dx)!, c.dx.data, 'dx');
}

describe('PyTorch puts elements where ops that move them do', () => {
  const padded = (mode: string, top: number, bottom: number, left: number, right: number): Attrs => ({
    before: [0, top, left, 0],
    after: [0, bottom, right, 0],
    mode,
  });

  it('F.pad with zeros', () => check(fixture.pad_zero, [['pad', padded('zero', 0, 3, 1, 2)]]));
  it('F.pad, mode reflect', () => check(fixture.pad_reflect, [['pad', padded('reflect', 1, 3, 3, 2)]]));
  it('F.pad, mode replicate', () => check(fixture.pad_replicate, [['pad', padded('replicate', 3, 0, 1, 2)]]));
  it('F.interpolate, mode nearest', () => check(fixture.upsample_nearest, [['upsample_nearest', { factor: [2, 3] }]]));
  it('F.interpolate, mode bilinear', () => check(fixture.upsample_bilinear, [['upsample_bilinear', { factor: [2, 3] }]]));
  it('torch.roll', () => check(fixture.roll, [['roll', { axes: [1, 2], shifts: [1, -2] }]]));
  it('Tensor.permute', () => check(fixture.transpose, [['transpose', { axes: [2, 0, 1] }]]));
  it('Tensor.expand', () => check(fixture.broadcast, [['broadcast', { shape: [2, 4, 5, 3] }]]));

  it('torch.nn.ChannelShuffle', () =>
    check(fixture.channel_shuffle, [
      ['reshape', { shape: [2, 2, 3, 3, 2] }],
      ['transpose', { axes: [0, 1, 2, 4, 3] }],
      ['reshape', { shape: [2, 2, 3, 6] }],
    ]));
});
