import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { upToLogits } from '../../src/exporting/evaluation-graph.js';
import { emittersFor } from '../../src/exporting/onnx/emitters.js';
import { isRefusal } from '../../src/exporting/refusal.js';
import { TORCH_OPS } from '../../src/exporting/torch/emitters.js';
import { exportTorch } from '../../src/exporting/torch/export.js';
import { elementCount, type Graph, stringAttr } from '../../src/ir/types.js';
import { lowerProgram } from '../../src/lower/lower.js';
import type { OpName } from '../../src/ops/index.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { writeSafetensors } from '../../src/training/safetensors.js';
import { opCase } from '../ops/cases.js';
import { ROOT } from '../spec-runner.js';
import { findPython, noPython } from '../support/python.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, type Workspace } from '../support/tiny.js';
import { deviation, expectedOf, FACTS, NETWORKS, type NetworkName, networkOf } from './networks.js';
import { evaluationOf } from './op-graph.js';

const NAMES = Object.keys(NETWORKS) as NetworkName[];
const EXPORTED = Object.entries(TORCH_OPS).flatMap(([op, entry]) => (isRefusal(entry) ? [] : [op as OpName]));
const EXAMPLES = ['examples/', 'examples/zoo/'].flatMap((folder) =>
  readdirSync(`${ROOT}${folder}`).flatMap((file) => (file.endsWith('.amp') ? [`${folder}${file}`] : [])),
);

function zeros({ nodes }: Graph): ReadonlyMap<string, Float32Array> {
  const states = nodes.filter(({ op }) => op === 'state');
  return new Map(states.map(({ attrs, type }) => [stringAttr(attrs, 'name'), new Float32Array(elementCount(type.shape))]));
}

describe('PyTorch modules', () => {
  for (const name of NAMES)
    it(`of ${name} reads as test/fixtures/model-py/${name}.py, which AMPC_UPDATE_MODEL_PY=1 writes`, async () => {
      const { program, states } = await networkOf(name, 'fp32');
      const { source } = exportTorch(program, states, FACTS);
      const path = `${ROOT}test/fixtures/model-py/${name}.py`;
      if (process.env.AMPC_UPDATE_MODEL_PY === '1') writeFileSync(path, source);
      assert.equal(source, readFileSync(path, 'utf8'));
    });

  it('have PyTorch’s names and layouts', async () => {
    const { program, states } = await networkOf('convolutions', 'fp32');
    const { tensors } = exportTorch(program, states, FACTS);
    const shapes = Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape.join()]));
    assert.equal(shapes['stem.weight'], '8,3,5,5');
    assert.equal(shapes['stage2.conv2.weight'], '12,6,3,3');
    assert.equal(shapes['depthwise.weight'], '12,1,3,3');
    assert.equal(shapes['stage1.bn1.running_var'], '8');
    assert.equal(shapes['fc1.weight'], '6,48');
    // Weights of features that were an image: channels first.
    const [own, torchs] = [states.get('fc1.weight')!, tensors.get('fc1.weight')!.data];
    const [row, column, channel, output] = [1, 0, 5, 2];
    assert.equal(torchs[output * 48 + channel * 4 + row * 2 + column], own[((row * 2 + column) * 12 + channel) * 6 + output]);
  });

  it('are refused for the ops that ONNX refuses, and for no other', () => {
    const refused = (table: object) => Object.entries(table).flatMap(([op, entry]) => (isRefusal(entry as object) ? [op] : []));
    assert.deepEqual(refused(TORCH_OPS).sort(), refused(emittersFor('u8')).sort());
  });

  for (const file of EXAMPLES)
    it(`are made of ${file}`, () => {
      const source = { path: `${ROOT}${file}`, text: readFileSync(`${ROOT}${file}`, 'utf8') };
      const graph = upToLogits(lowerProgram(source, { overrides: { batch: 211 } }).eval);
      const states = zeros(graph);
      const { source: text, tensors } = exportTorch(graph, states, FACTS);
      assert.equal(tensors.size, states.size);
      assert.match(text, /\nclass Net\(nn\.Module\):/);
    });

  describe('as PyTorch computes them', () => {
    let python: Awaited<ReturnType<typeof findPython>>;
    let work: Workspace;

    before(async function () {
      python = await findPython('torch', 'safetensors', 'numpy');
      if (python === undefined) skip(this, noPython('torch', 'safetensors', 'numpy'));
      work = makeWorkspace();
    });

    after(() => work?.remove());

    interface Case {
      readonly name: string;
      readonly graph: Graph;
      readonly states: ReadonlyMap<string, Float32Array>;
      readonly image: Uint8Array;
      readonly shape: readonly number[];
      readonly expected: Float32Array;
    }

    async function compare(cases: readonly Case[], allowed: number): Promise<void> {
      const folders = new Map<string, Case>();
      for (const one of cases) {
        const folder = join(work.dir, one.name);
        mkdirSync(folder, { recursive: true });
        const { source, tensors } = exportTorch(one.graph, one.states, FACTS);
        writeFileSync(join(folder, 'model.py'), source);
        await writeSafetensors(join(folder, 'weights.safetensors'), tensors, {});
        writeFileSync(join(folder, 'image.bin'), one.image);
        writeFileSync(join(folder, 'shape.json'), JSON.stringify(one.shape));
        folders.set(folder, one);
      }
      const { code, stdout, stderr } = await python!(`${ROOT}test/exporting/run_models.py`, ...folders.keys());
      assert.equal(code, 0, stderr);
      const wrong = stdout
        .trim()
        .split('\n')
        .flatMap((line) => {
          const [folder, logits] = JSON.parse(line) as readonly [string, readonly number[] | string];
          const { name, expected } = folders.get(folder)!;
          if (typeof logits === 'string') return [`${name}: ${logits}`];
          const off = deviation(logits, expected);
          return off <= allowed ? [] : [`${name}: off by ${off}`];
        });
      assert.deepEqual(wrong, []);
    }

    it('every op is what the reference gives', async function () {
      this.timeout(180_000);
      const cases = EXPORTED.flatMap((op) =>
        [1, 2, 3, 4].map((seed): Case => {
          const item = opCase(op, 'f32', seed);
          const graph = evaluationOf(item, seed % 2 === 0);
          const { shape } = graph.nodes.find(({ attrs }) => attrs.name === 'image')!.type;
          const image = (item.inputs.image as Uint8Array | undefined) ?? new Uint8Array(elementCount(shape));
          const expected = evaluateGraph(item.graph, item.inputs, item.states).values.get(item.node)! as Float32Array;
          return { name: `${op}-${seed}`, graph, states: item.states as ReadonlyMap<string, Float32Array>, image, shape, expected };
        }),
      );
      await compare(cases, 1e-5);
    });

    it('networks give the logits of the reference', async () => {
      const cases = await Promise.all(
        NAMES.map(async (name): Promise<Case> => {
          const net = await networkOf(name, 'fp32');
          const { images, shape, logits } = expectedOf(net);
          return { name, graph: net.program, states: net.states, image: images, shape, expected: logits };
        }),
      );
      await compare(cases, 3e-6);
    });
  });
});
