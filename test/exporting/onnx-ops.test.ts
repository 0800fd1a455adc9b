import assert from 'node:assert/strict';
import { emittersFor } from '../../src/exporting/onnx/emitters.js';
import { refusedOps } from '../../src/exporting/onnx/graph.js';
import { onnxModel } from '../../src/exporting/onnx/model.js';
import { isRefusal } from '../../src/exporting/refusal.js';
import { decodeModel, encodeModel } from '../../src/interchange/onnx/schema.js';
import type { ComputeType, Graph } from '../../src/ir/types.js';
import { elementCount } from '../../src/ir/types.js';
import { LIMITS } from '../../src/numeric/formats.js';
import type { OpName } from '../../src/ops/index.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { type OpCase, opCase } from '../ops/cases.js';
import { findOnnxRuntime, NO_ONNXRUNTIME, runOnnx } from '../support/onnxruntime.js';
import { skip } from '../support/skip.js';
import { mistakesOf } from './onnx-checker.js';
import { evaluationOf } from './op-graph.js';

const EMITTERS = Object.entries(emittersFor('u8'));
const EXPORTED = EMITTERS.filter(([, entry]) => !isRefusal(entry)).map(([op]) => op as OpName);
const FACTS = { model: 'M', version: '0', classes: [], source: '', precision: 'fp32', policy: 'mixed', probabilities: 'none' } as const;

function modelOf(item: OpCase, computes: boolean) {
  const graph = evaluationOf(item, computes);
  const image = graph.nodes.find(({ attrs }) => attrs.name === 'image')!.type.shape;
  return {
    graph,
    image,
    bytes: encodeModel(onnxModel(graph, item.states as ReadonlyMap<string, Float32Array>, FACTS, { type: 'u8', layout: 'nhwc' })),
  };
}

const SEEDS = [1, 2, 3, 4];
const FORMATS = ['f32', 'f16', 'bf16'] as const satisfies readonly ComputeType[];

describe('ops in ONNX', () => {
  it('are exported or refused by name, each of them', () => {
    const refused = EMITTERS.filter(([, entry]) => isRefusal(entry));
    assert.ok(EXPORTED.length > 50 && refused.length > 50);
    for (const [op, entry] of refused) {
      const graph: Graph = {
        name: 'eval_step',
        nodes: [{ id: 0, op: op as OpName, inputs: [], attrs: {}, type: { dtype: 'f32', shape: [] }, layer: '' }],
        outputs: { logits: 0 },
      };
      assert.deepEqual(refusedOps(graph), [{ op, why: isRefusal(entry) ? entry.refused : '' }]);
    }
  });

  for (const op of EXPORTED)
    it(`${op} has the form that ONNX has it in`, () => {
      for (const seed of SEEDS)
        for (const dtype of FORMATS) {
          const { bytes } = modelOf(opCase(op, dtype, seed), seed % 2 === 0);
          assert.deepEqual(mistakesOf(decodeModel(bytes)), [], `${dtype}, seed ${seed}`);
        }
    });

  describe('as onnxruntime computes them', () => {
    before(async function () {
      if ((await findOnnxRuntime()) === undefined) skip(this, NO_ONNXRUNTIME['onnxruntime-web']);
    });

    for (const op of EXPORTED)
      it(`${op} is what the reference gives`, async () => {
        const ort = (await findOnnxRuntime())!;
        for (const seed of SEEDS)
          for (const dtype of FORMATS) {
            const item = opCase(op, dtype, seed);
            const { graph, image, bytes } = modelOf(item, seed % 2 === 0);
            const pixels = (item.inputs.image as Uint8Array | undefined) ?? new Uint8Array(elementCount(image));
            const actual = await runOnnx(ort, bytes, pixels, image);
            const expected = evaluateGraph(item.graph, item.inputs, item.states).values.get(item.node)!;
            assert.equal(actual.length, expected.length);
            const scale = Math.max(...Array.from(expected, Math.abs), 1e-3);
            const { type } = graph.nodes[graph.outputs.logits!]!;
            const allowed =
              scale * (type.dtype === 'f32' ? (dtype === 'f32' ? 4e-6 : 2e-3) : 3 * LIMITS[type.dtype as ComputeType].unitRoundoff);
            const worst = Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)));
            assert.ok(worst <= allowed, `${dtype}, seed ${seed}: off by ${worst} of ${scale}`);
          }
      });
  });
});
