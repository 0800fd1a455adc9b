import assert from 'node:assert/strict';
import fc from 'fast-check';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { ComputeType, Graph } from '../../src/ir/types.js';
import { emit } from '../../src/ops/emit.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { findBinding, loadBinding, type OpAttr, type Tensor, type TfjsBinding } from '../../src/runtime/tensorflow/binding.js';
import { TensorflowExecutable } from '../../src/runtime/tensorflow/index.js';
import { batchPlan, runCase } from '../codegen/batch.js';
import { assertClose } from '../ops/compare.js';
import { skip } from '../support/skip.js';
import { requireTensorflow } from './support.js';

const INTERNAL = /^_Mkl/;
const OUTPUTS = ['max', 'index', 'dx'] as const;

interface Sizes {
  readonly image: readonly [number, number, number, number];
  readonly window: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
}

/** A pool of state `x`, its index, and the gradient for state `dy`. */
function poolGraph({ image, ...attrs }: Sizes, dtype: ComputeType): Graph {
  const builder = new GraphBuilder();
  const state = (name: string, shape: readonly number[]) => {
    const x = builder.add({ op: 'state', attrs: { name, role: 'parameter', init: 'constant', value: 0 }, type: { dtype: 'f32', shape } });
    return dtype === 'f32' ? x : emit(builder, 'cast', [x], { to: dtype });
  };
  const x = state('x', image);
  const max = emit(builder, 'max_pool2d', [x], attrs);
  const index = emit(builder, 'max_pool2d_index', [x], attrs);
  const dx = emit(builder, 'max_pool2d_grad', [state('dy', builder.type(max).shape), index], { ...attrs, size: image.slice(1, 3) });
  return builder.finish('eval_step', { max, index, dx });
}

function convolutionGraph(): Graph {
  const builder = new GraphBuilder();
  const state = (name: string, ...shape: number[]) =>
    builder.add({ op: 'state', attrs: { name, role: 'parameter', init: 'constant', value: 0 }, type: { dtype: 'f32', shape } });
  const operands = [state('x', 2, 6, 6, 3), state('weight', 3, 3, 3, 4), state('bias', 4)];
  return builder.finish('eval_step', { y: emit(builder, 'conv2d', operands, { stride: [1, 1], padding: [1, 1, 1, 1] }) });
}

type Elements = ReadonlyMap<string, Float32Array>;

function halves(count: number, other: readonly number[] = []): Float32Array {
  const elements = Float32Array.from({ length: count }, (_, i) => ((i * 7) % 5) / 2 - 1);
  elements.set(other);
  return elements;
}

function want(graph: Graph, states: Elements): readonly ArrayLike<number>[] {
  const { values } = evaluateGraph(graph, {}, states);
  return Object.values(graph.outputs).map((id) => values.get(id)!);
}

/** An addon that remembers the operations that it is asked for, and may answer them otherwise. */
class Watched {
  readonly asked: string[] = [];
  readonly binding: TfjsBinding;

  constructor(
    real: TfjsBinding,
    answer: (name: string, attrs: readonly OpAttr[], inputs: readonly number[]) => Tensor[] | undefined = () => undefined,
  ) {
    const executeOp: TfjsBinding['executeOp'] = (name, attrs, inputs, outputs) => {
      this.asked.push(name);
      return answer(name, attrs, inputs) ?? real.executeOp(name, attrs, inputs, outputs);
    };
    this.binding = Object.create(real, { executeOp: { value: executeOp } }) as TfjsBinding;
  }

  get internal(): readonly string[] {
    return this.asked.splice(0).filter((name) => INTERNAL.test(name));
  }
}

describe('internal kernels of TensorFlow', function () {
  this.timeout(120_000);
  let real: TfjsBinding;

  before(async function () {
    await requireTensorflow(this);
    const located = findBinding();
    assert.ok('path' in located);
    real = loadBinding(located);
  });

  function load(graph: Graph, binding: TfjsBinding, internalKernels = true): TensorflowExecutable {
    const plan = batchPlan([{ graph, inputs: {}, states: new Map() }], 'tensorflow');
    return new TensorflowExecutable(plan, binding, { nativeHalf: false, internalKernels });
  }

  async function outputs(executable: TensorflowExecutable, graph: Graph, states: Elements): Promise<readonly Float32Array[]> {
    const [first, ...others] = Object.keys(graph.outputs);
    const results = [await runCase(executable, { graph, inputs: {}, states }, 0, first)];
    for (const name of others) results.push(await executable.readOutput(name));
    return results;
  }

  /** Skips where TensorFlow is built without oneDNN, or runs on a GPU. */
  function requireOneDnn(context: Mocha.Context): void {
    const image = real.createTensor([1, 2, 2, 1], 1, new Float32Array(4));
    const attrs: OpAttr[] = [
      { name: 'T', type: 4, value: 1 },
      { name: 'ksize', type: 1, value: [1, 2, 2, 1] },
      { name: 'strides', type: 1, value: [1, 2, 2, 1] },
      { name: 'padding', type: 0, value: 'VALID' },
      { name: '_kernel', type: 0, value: 'MklNameChangeOp' },
    ];
    try {
      for (const { id } of real.executeOp('_MklNativeMaxPool', attrs, [image], 2)) real.deleteTensor(id);
    } catch {
      skip(context, 'this TensorFlow has no kernels of oneDNN');
    } finally {
      real.deleteTensor(image);
    }
  }

  const sizes: Sizes = { image: [2, 6, 8, 16], window: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] };
  const count = 2 * 6 * 8 * 16;
  const pooled = 2 * 3 * 4 * 16;

  it('pool as the reference does, with and without them, whatever the elements', async () => {
    const elements = (length: number, special: readonly number[]) =>
      fc.array(fc.constantFrom(-1.5, -0.5, -0, 0, 0.5, 1, ...special), { minLength: length, maxLength: length });
    const windows = fc.record({
      image: fc.tuple(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 3, max: 9 }),
        fc.integer({ min: 3, max: 9 }),
        fc.constantFrom(1, 3, 16, 17),
      ),
      window: fc.constantFrom([2, 2], [3, 3], [1, 2], [3, 2], [1, 1]),
      stride: fc.constantFrom([2, 2], [1, 1], [2, 1], [3, 3]),
      isPadded: fc.boolean(),
      dtype: fc.constantFrom<ComputeType>('f32', 'f16', 'bf16'),
      special: fc.constantFrom([], [NaN], [Infinity], [-Infinity], [NaN, Infinity, -Infinity], [6e4], [-3.4028234663852886e38]),
    });
    const cases = windows.chain(({ isPadded, dtype, special, ...rest }) => {
      const [rows, columns] = rest.window as [number, number];
      const around = isPadded ? [rows >> 1, 0, columns >> 1, columns >> 1] : [0, 0, 0, 0];
      const graph = poolGraph({ ...rest, padding: around } as unknown as Sizes, dtype);
      const lengths = ['x', 'dy'].map((name) =>
        graph.nodes.find(({ attrs }) => attrs.name === name)!.type.shape.reduce((product, size) => product * size, 1),
      ) as [number, number];
      const isOrdered = rest.window.every((length, axis) => length <= rest.stride[axis]!);
      return fc.record({
        graph: fc.constant(graph),
        x: elements(lengths[0], special),
        // Where windows overlap, infinities of both signs could meet in a sum: their order is free there.
        dy: elements(lengths[1], isOrdered ? [NaN, Infinity, -Infinity] : []),
      });
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ graph, x, dy }) => {
        const states = new Map([
          ['x', Float32Array.from(x)],
          ['dy', Float32Array.from(dy)],
        ]);
        const expected = want(graph, states);
        for (const internalKernels of [true, false]) {
          const executable = load(graph, real, internalKernels);
          const got = await outputs(executable, graph, states);
          await executable.dispose();
          for (const [i, name] of OUTPUTS.entries())
            assertClose(got[i]!, expected[i]!, () => 0, `${name}, internal kernels ${internalKernels}`);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('pool while all elements are finite, and not while one is a NaN or infinite', async function () {
    requireOneDnn(this);
    const graph = poolGraph(sizes, 'f32');
    const watched = new Watched(real);
    const executable = load(graph, watched.binding);
    const run = async (other: readonly number[]) => {
      const states = new Map([
        ['x', halves(count, other)],
        ['dy', halves(pooled)],
      ]);
      const got = await outputs(executable, graph, states);
      for (const [i, expected] of want(graph, states).entries()) assertClose(got[i]!, expected, () => 0, OUTPUTS[i]!);
      return watched.internal;
    };
    await run([]);
    assert.deepEqual(await run([]), ['_MklNativeMaxPool', '_MklNativeMaxPoolGrad']);
    for (const other of [NaN, Infinity, -Infinity, 2e19]) assert.deepEqual(await run([0, other]), ['_MklNativeMaxPoolGrad'], `${other}`);
    const held = real.getNumOfTensors();
    assert.deepEqual(await run([1e18, -1e18]), ['_MklNativeMaxPool', '_MklNativeMaxPoolGrad']);
    await run([NaN]);
    assert.equal(real.getNumOfTensors(), held);
    await executable.dispose();
  });

  it('add the bias of a convolution', async function () {
    requireOneDnn(this);
    const graph = convolutionGraph();
    const states = new Map([
      ['x', halves(216)],
      ['weight', halves(108)],
      ['bias', Float32Array.of(1, -2, 0.5, 4)],
    ]);
    const watched = new Watched(real);
    for (const internalKernels of [true, false]) {
      const executable = load(graph, watched.binding, internalKernels);
      assert.deepEqual(await outputs(executable, graph, states), want(graph, states));
      assert.deepEqual(new Set(watched.internal), new Set(internalKernels ? ['_MklNativeConv2DWithBias'] : []));
      await executable.dispose();
    }
  });

  it('are left alone when TensorFlow lacks them, or when they mean something else', async () => {
    const lacking = (name: string) => {
      if (INTERNAL.test(name)) throw new Error(`Op type not registered '${name}'`);
      return undefined;
    };
    const wrong = (name: string, attrs: readonly OpAttr[], inputs: readonly number[]) => {
      const plain = attrs.filter((attr) => !['_kernel', 'workspace_enabled'].includes(attr.name));
      if (name === '_MklNativeConv2DWithBias') return real.executeOp('Conv2D', plain, inputs.slice(0, 2), 1);
      if (name !== '_MklNativeMaxPool') return undefined;
      const [max] = real.executeOp('MaxPool', plain, inputs, 1);
      const length = max!.shape.reduce((product, size) => product * size, 1);
      return [max!, { id: real.createTensor([length], 4, new Uint8Array(length)), shape: [length], dtype: 4 }];
    };
    const pool = new Map([
      ['x', halves(count)],
      ['dy', halves(pooled)],
    ]);
    const convolution = new Map([
      ['x', halves(216)],
      ['weight', halves(108)],
      ['bias', Float32Array.of(1, -2, 0.5, 4)],
    ]);
    for (const answer of [lacking, wrong]) {
      for (const [graph, states] of [
        [poolGraph(sizes, 'f32'), pool],
        [convolutionGraph(), convolution],
      ] as const) {
        const watched = new Watched(real, answer);
        const executable = load(graph, watched.binding);
        for (const isTried of [true, false]) {
          const got = await outputs(executable, graph, states);
          assert.equal(watched.internal.length > 0, isTried);
          for (const [i, expected] of want(graph, states).entries()) assertClose(got[i]!, expected, () => 0, answer.name);
        }
        await executable.dispose();
      }
    }
  });
});
