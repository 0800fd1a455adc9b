import assert from 'node:assert/strict';
import { differentiate } from '../../src/autodiff/differentiate.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { ValueId } from '../../src/ir/types.js';
import { LayerContexts } from '../../src/lower/layer-context.js';
import type { ArgValue, LayerDefinition } from '../../src/ops/layer.js';
import { groupNormLayer, instanceNormLayer } from '../../src/ops/layers/group-norm.js';
import { localResponseNormLayer } from '../../src/ops/layers/local-response-norm.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import fixture from '../fixtures/pytorch/norms.json' with { type: 'json' };
import { assertClose, type Tensor } from './pytorch-values.js';

interface Case {
  readonly x: Tensor;
  readonly dy: Tensor;
  readonly y: Tensor;
  readonly dx: Tensor;
  readonly parameters: Readonly<Record<string, Tensor>>;
  readonly gradients: Readonly<Record<string, Tensor>>;
}

/** What is left out of `given` is as in the language, and so as in PyTorch. */
function check(
  definition: LayerDefinition,
  given: Readonly<Record<string, ArgValue>>,
  { x, dy, y, dx, parameters, gradients }: Case,
): void {
  const builder = new GraphBuilder();
  const states = new Map<string, Float64Array>();
  const state = (name: string, { shape, data }: Tensor): ValueId => {
    states.set(name, Float64Array.from(data));
    return builder.add({ op: 'state', attrs: { name, role: 'parameter', init: 'constant', value: 0 }, type: { dtype: 'f32', shape } });
  };
  const defaults = definition.params.flatMap(({ name, default: value }) => (value === undefined ? [] : [[name, value] as const]));
  const call = {
    input: state('x', x),
    values: [],
    args: { ...Object.fromEntries(defaults), ...given },
    path: 'norm',
    loc: { line: 1, column: 1 },
  };
  const result = definition.build(new LayerContexts({ builder, mode: 'train', seed: 0 }).for(call)) as ValueId;
  assert.deepEqual(builder.type(result).shape, y.shape);
  const found = differentiate(builder, { loss: result, seed: state('dy', dy) });
  for (const [name, { data }] of Object.entries(parameters)) states.set(`norm.${name}`, Float64Array.from(data));
  const gradient = (name: string): ValueId => found.get(name) ?? assert.fail(`no gradient of ${name}`);
  const names = Object.keys(gradients);
  const outputs = Object.fromEntries(['x', ...names.map((name) => `norm.${name}`)].map((name) => [name, gradient(name)]));
  const { values } = evaluateGraph(builder.finish('eval_step', { result, ...outputs }), {}, states, { float64: true });
  assertClose(values.get(result)!, y.data, 'y');
  assertClose(values.get(gradient('x'))!, dx.data, 'dx');
  for (const name of names) assertClose(values.get(gradient(`norm.${name}`))!, gradients[name]!.data, `gradient of ${name}`);
  assert.deepEqual([...found.keys()].toSorted(), ['x', ...names.map((name) => `norm.${name}`)].toSorted());
}

describe('PyTorch semantics of norms by channel', () => {
  it('GroupNorm', () => check(groupNormLayer, { groups: 3 }, fixture.group_norm));
  it('GroupNorm of one group', () => check(groupNormLayer, { groups: 1, eps: 1e-2 }, fixture.group_norm_of_one));
  it('GroupNorm that learns nothing', () => check(groupNormLayer, { groups: 2, scale: false, shift: false }, fixture.group_norm_plain));
  it('GroupNorm of features', () => check(groupNormLayer, { groups: 2 }, fixture.group_norm_of_features));
  it('GroupNorm of a sequence, each channel by itself', () => check(groupNormLayer, { groups: 4 }, fixture.group_norm_of_sequence));
  it('InstanceNorm2d', () => check(instanceNormLayer, {}, fixture.instance_norm));
  it('InstanceNorm2d that is affine', () => check(instanceNormLayer, { scale: true, shift: true }, fixture.instance_norm_affine));
  it('LocalResponseNorm', () => check(localResponseNormLayer, { size: 5 }, fixture.local_response_norm));
  it('LocalResponseNorm of an even number of channels', () =>
    check(localResponseNormLayer, { size: 4, alpha: 0.9, beta: 0.6, k: 2 }, fixture.local_response_norm_even));
  it('LocalResponseNorm over more channels than there are', () =>
    check(localResponseNormLayer, { size: 7, alpha: 0.5 }, fixture.local_response_norm_wide));
});
