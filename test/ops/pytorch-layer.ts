import assert from 'node:assert/strict';
import { differentiate } from '../../src/autodiff/differentiate.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { ValueId } from '../../src/ir/types.js';
import { LayerContexts } from '../../src/lower/layer-context.js';
import type { ArgValue, LayerDefinition } from '../../src/ops/layer.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { assertClose, type Tensor } from './pytorch-values.js';

/** What PyTorch's layer makes of x, and its gradients of dy. */
export interface LayerCase {
  readonly x: Tensor;
  readonly dy: Tensor;
  readonly y: Tensor;
  readonly dx: Tensor;
  readonly parameters: Readonly<Record<string, Tensor>>;
  readonly gradients: Readonly<Record<string, Tensor>>;
}

/** Compares a layer with PyTorch's. What is left out of `given` is as in the language, and so as in PyTorch. */
export function checkLayer(
  definition: LayerDefinition,
  given: Readonly<Record<string, ArgValue>>,
  { x, dy, y, dx, parameters, gradients }: LayerCase,
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
    path: 'layer',
    loc: { line: 1, column: 1 },
  };
  const result = definition.build(new LayerContexts({ builder, mode: 'train', seed: 0 }).for(call)) as ValueId;
  assert.deepEqual(builder.type(result).shape, y.shape);
  const found = differentiate(builder, { loss: result, seed: state('dy', dy) });
  for (const [name, { data }] of Object.entries(parameters)) states.set(`layer.${name}`, Float64Array.from(data));
  const gradient = (name: string): ValueId => found.get(name) ?? assert.fail(`no gradient of ${name}`);
  const names = Object.keys(gradients);
  const outputs = Object.fromEntries(['x', ...names.map((name) => `layer.${name}`)].map((name) => [name, gradient(name)]));
  const { values } = evaluateGraph(builder.finish('eval_step', { result, ...outputs }), {}, states, { float64: true });
  assertClose(values.get(result)!, y.data, 'y');
  assertClose(values.get(gradient('x'))!, dx.data, 'dx');
  for (const name of names) assertClose(values.get(gradient(`layer.${name}`))!, gradients[name]!.data, `gradient of ${name}`);
  assert.deepEqual([...found.keys()].toSorted(), ['x', ...names.map((name) => `layer.${name}`)].toSorted());
}
