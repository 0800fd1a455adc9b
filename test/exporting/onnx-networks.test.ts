import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { exportC } from '../../src/exporting/c/export.js';
import { upToLogits } from '../../src/exporting/evaluation-graph.js';
import { onnxModel } from '../../src/exporting/onnx/model.js';
import { exportTorch } from '../../src/exporting/torch/export.js';
import { decodeModel, encodeModel, TENSOR_TYPES } from '../../src/interchange/onnx/schema.js';
import { type Attrs, elementCount, type Graph, type Node, stringAttr, type TensorType } from '../../src/ir/types.js';
import { lowerProgram } from '../../src/lower/lower.js';
import { LIMITS } from '../../src/numeric/formats.js';
import { ROOT } from '../spec-runner.js';
import { findOnnxRuntime, NO_ONNXRUNTIME, ONNX_RUNTIMES, runOnnx } from '../support/onnxruntime.js';
import { skip } from '../support/skip.js';
import { deviation, expectedOf, FACTS, NETWORKS, type NetworkName, networkOf } from './networks.js';
import { mistakesOf } from './onnx-checker.js';

const EXAMPLES = ['examples/', 'examples/zoo/'].flatMap((folder) =>
  readdirSync(`${ROOT}${folder}`).flatMap((file) => (file.endsWith('.amp') ? [`${folder}${file}`] : [])),
);

const NAMES = Object.keys(NETWORKS) as NetworkName[];
const BYTES = { type: 'u8', layout: 'nhwc' } as const;

/** Zeros for every state: what the graph looks like does not depend on them. */
function zeros({ nodes }: Graph): ReadonlyMap<string, Float32Array> {
  return new Map(
    nodes
      .filter(({ op }) => op === 'state')
      .map(({ attrs, type }) => [stringAttr(attrs, 'name'), new Float32Array(elementCount(type.shape))]),
  );
}

describe('networks in ONNX', () => {
  for (const file of EXAMPLES)
    it(`${file} has the form that ONNX has it in`, () => {
      const source = { path: `${ROOT}${file}`, text: readFileSync(`${ROOT}${file}`, 'utf8') };
      const graph = upToLogits(lowerProgram(source, { overrides: { batch: 211 } }).eval);
      const model = onnxModel(graph, zeros(graph), FACTS, BYTES);
      assert.deepEqual(mistakesOf(model), []);
      assert.deepEqual(model.graph?.input?.[0]?.type?.tensorType?.shape?.dim?.[0], { dimParam: 'batch' });
    });

  it('take bytes or floats, channels first or last, and tell what they are', async () => {
    const { graph, states } = await networkOf('convolutions', 'fp32');
    const of = (type: 'u8' | 'float', layout: 'nhwc' | 'nchw') =>
      decodeModel(encodeModel(onnxModel(graph, states, FACTS, { type, layout })));
    const input = (model: ReturnType<typeof of>) => {
      const { elemType, shape } = model.graph!.input![0]!.type!.tensorType!;
      return [elemType, shape!.dim!.map(({ dimParam, dimValue }) => dimParam ?? dimValue)];
    };
    assert.deepEqual(input(of('u8', 'nhwc')), [TENSOR_TYPES.uint8, ['batch', 32, 32, 3]]);
    assert.deepEqual(input(of('float', 'nchw')), [TENSOR_TYPES.float, ['batch', 3, 32, 32]]);
    const facts = Object.fromEntries(of('float', 'nchw').metadataProps!.map(({ key, value }) => [key, value]));
    assert.deepEqual(facts, {
      ampc_version: '1.2.3',
      model: 'Net',
      test_accuracy: '0.5',
      test_images_at_most: '200',
      source_sha256: 'hash',
      precision: 'fp32',
      policy: 'mixed',
      classes: JSON.stringify(FACTS.classes),
      probabilities: 'softmax',
      image_layout: 'nchw',
      image_range: '0..1',
    });
  });

  it('take what a model takes besides its image, under its own name', () => {
    const shape = [5, 3];
    const add = (id: number, op: 'input' | 'scale', attrs: Attrs, type: TensorType, inputs: readonly number[] = []): Node => ({
      ...{ id, op, inputs, attrs, type, layer: op },
    });
    const nodes = [
      add(0, 'input', { name: 'image' }, { dtype: 'u8', shape: [5, 2, 2, 1] }),
      add(1, 'input', { name: 'input.age' }, { dtype: 'f32', shape }),
      add(2, 'scale', { factor: 2 }, { dtype: 'f32', shape }, [1]),
    ];
    const graph: Graph = { name: 'eval_step', nodes, outputs: { logits: 2 } };
    const model = onnxModel(graph, new Map(), FACTS, BYTES);
    assert.deepEqual(mistakesOf(model), []);
    assert.deepEqual(
      model.graph!.input!.map(({ name, type }) => [name, type!.tensorType!.elemType]),
      [
        ['image', TENSOR_TYPES.uint8],
        ['age', TENSOR_TYPES.float],
      ],
    );
    assert.match(exportTorch(graph, new Map(), FACTS).source, /def forward\(self, image, age\):\n {8}x = age \* 2\n {8}return x\n/);
    assert.throws(() => exportC(graph, new Map(), FACTS), /takes more than images/);
  });

  it('hold weights in the formats of the plan', async () => {
    const types = async (precision: 'fp32' | 'fp16' | 'bf16') => {
      const { graph, states } = await networkOf('convolutions', precision);
      const { initializer } = onnxModel(graph, states, FACTS, BYTES).graph!;
      return initializer!.find(({ name }) => name === 'stem.weight')!.dataType;
    };
    assert.deepEqual(await Promise.all([types('fp32'), types('fp16')]), [TENSOR_TYPES.float, TENSOR_TYPES.float16]);
  });

  for (const runtime of ONNX_RUNTIMES)
    describe(`as ${runtime} computes them`, () => {
      before(async function () {
        if ((await findOnnxRuntime(runtime)) === undefined) skip(this, NO_ONNXRUNTIME[runtime]);
      });

      for (const name of NAMES)
        for (const [precision, allowed] of [
          ['fp32', 2e-6],
          ['fp16', 8 * LIMITS.f16.unitRoundoff],
          ['bf16', 8 * LIMITS.bf16.unitRoundoff],
        ] as const)
          it(`${name} in ${precision} gives the reference's logits for a batch of any size`, async () => {
            const ort = (await findOnnxRuntime(runtime))!;
            const net = await networkOf(name, precision);
            const { images, shape, logits } = expectedOf(net);
            const bytes = encodeModel(onnxModel(net.graph, net.states, FACTS, BYTES));
            for (const count of [1, shape[0]!]) {
              const part = images.subarray(0, count * elementCount(shape.slice(1)));
              const actual = await runOnnx(ort, bytes, part, [count, ...shape.slice(1)]);
              assert.ok(
                deviation(actual, logits.subarray(0, 10 * count)) <= allowed,
                String(deviation(actual, logits.subarray(0, 10 * count))),
              );
            }
          });

      it('give the same for floats with their channels first', async () => {
        const ort = (await findOnnxRuntime(runtime))!;
        const net = await networkOf('channels', 'fp32');
        const { images, shape, logits } = expectedOf(net);
        const [batch, height, width, channels] = shape as [number, number, number, number];
        const floats = new Float32Array(images.length);
        for (let i = 0; i < images.length; i += 1) {
          const [place, channel] = [Math.floor(i / channels), i % channels];
          const [image, pixel] = [Math.floor(place / (height * width)), place % (height * width)];
          floats[(image * channels + channel) * height * width + pixel] = images[i]! / 255;
        }
        const bytes = encodeModel(onnxModel(net.graph, net.states, FACTS, { type: 'float', layout: 'nchw' }));
        assert.ok(deviation(await runOnnx(ort, bytes, floats, [batch, channels, height, width]), logits) < 3e-6);
      });
    });
});
