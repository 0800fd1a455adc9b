import assert from 'node:assert/strict';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import type { Attr, Attrs, Graph, Node } from '../../src/ir/types.js';
import { OPS, type OpName } from '../../src/ops/index.js';
import type { Backend } from '../../src/runtime/backend.js';
import { createBackend as createCpu } from '../../src/runtime/cpu/index.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { createBackend as createTensorflow } from '../../src/runtime/tensorflow/index.js';
import { createBackend as createWebgpu } from '../../src/runtime/webgpu/index.js';
import { batchPlan, type GraphCase } from '../codegen/batch.js';
import { opCase, SAMPLED_OPS } from './cases.js';
import { isImplemented } from './implemented.js';
import { watchedGraph } from './watched.js';

const BACKENDS: readonly Backend[] = [createCpu(), createWebgpu(), createTensorflow(), createReference()];
const SOURCES: Readonly<Record<string, GraphCase>> = Object.fromEntries(
  (['input', 'state', 'constant'] as const).map((op) => [op, sourceCase(op)]),
);

function sourceCase(op: 'input' | 'state' | 'constant'): GraphCase {
  const attrs: Attrs = {
    input: { name: 'x' },
    state: { name: 'x', role: 'parameter', init: 'constant', value: 0 },
    constant: { value: 1 },
  }[op];
  const node: Node = { id: 0, op, inputs: [], attrs, type: { dtype: 'f32', shape: [2] }, layer: '' };
  return { graph: { name: 'eval_step', nodes: [node], outputs: { result: 0 } }, inputs: {}, states: new Map() };
}

/** The case with another attribute on every node of `op`. */
function withAttribute(item: GraphCase, op: OpName, name: string, value: Attr): GraphCase {
  const nodes = item.graph.nodes.map((node) => (node.op === op ? { ...node, attrs: { ...node.attrs, [name]: value } } : node));
  const graph: Graph = { ...item.graph, nodes };
  return { ...item, graph };
}

async function assertRefused(backend: Backend, item: GraphCase, ...says: readonly string[]): Promise<void> {
  await assert.rejects(backend.load(batchPlan([item], backend.name)), (error) => {
    assert.ok(error instanceof UserError, String(error));
    const [{ code, message, why }] = error.diagnostics as [UserError['diagnostics'][0]];
    assert.equal(code, 'AMP6011');
    for (const word of [backend.name, ...says]) assert.ok(`${message}; ${why}`.includes(word), `${word} is not in: ${message}; ${why}`);
    return true;
  });
}

/** A random case whose formats every backend has, and which every backend implements. */
function caseOf(op: OpName): GraphCase {
  for (let seed = 0; ; seed += 1) {
    const item = opCase(op, 'f32', seed);
    const hasFormats = item.graph.nodes.every(({ type }) => type.dtype !== 'bf16');
    if (hasFormats && ['cpu', 'webgpu', 'tensorflow'].every((backend) => isImplemented(item, backend))) return item;
  }
}

describe('attributes that a kernel does not implement', () => {
  for (const backend of BACKENDS) {
    it(`are refused by ${backend.name} on every op, before anything runs`, async () => {
      const names = Object.keys(OPS) as OpName[];
      assert.equal(names.length, SAMPLED_OPS.length + Object.keys(SOURCES).length);
      for (const op of names) {
        await assertRefused(backend, withAttribute(SOURCES[op] ?? caseOf(op), op, 'made_up', 1), op, 'made_up');
      }
    });
  }

  it('are refused by value too: a format that a backend does not have', async () => {
    for (const backend of BACKENDS.filter(({ name }) => name === 'webgpu' || name === 'tensorflow')) {
      await assertRefused(backend, withAttribute(caseOf('cast'), 'cast', 'to', 'f8_e4m3'), 'cast', 'to="f8_e4m3"', 'f32, f16');
    }
  });
});

describe('attributes that an op does not declare', () => {
  it('cannot be read by kernels in the generic suites', () => {
    const { nodes } = watchedGraph(opCase('max_pool2d', 'f32', 1).graph);
    const { attrs } = nodes.find(({ op }) => op === 'max_pool2d')!;
    assert.throws(() => attrs.size, /max_pool2d declares no attribute size/);
    assert.equal((attrs.window as readonly number[]).length, 2);
    assert.deepEqual(Object.keys({ ...attrs }), Object.keys(attrs));
  });
});
