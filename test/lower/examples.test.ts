import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import type { Graph } from '../../src/ir/types.js';
import { elementCount } from '../../src/ir/types.js';
import { validateGraph } from '../../src/ir/validate.js';
import { checkSource, lowerProgram } from '../../src/lower/lower.js';
import { opRules } from '../../src/ops/rules.js';
import { formatAmp } from '../../src/parser/format.js';
import { blocksRun } from '../support/blocks.js';

const FOLDER = new URL('../../examples/', import.meta.url);

function example(name: string) {
  return { path: `examples/${name}`, text: readFileSync(new URL(name, FOLDER), 'utf8') };
}

function parameters(graph: Graph): Map<string, number> {
  const states = graph.nodes.filter((node) => node.op === 'state' && node.attrs.role === 'parameter');
  return new Map(states.map((node) => [String(node.attrs.name), elementCount(node.type.shape)]));
}

function total(graph: Graph): number {
  return [...parameters(graph).values()].reduce((a, b) => a + b, 0);
}

describe('examples', () => {
  for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.amp'))) {
    it(`${name} is clean, formatted and lowers to graphs that verify`, () => {
      const source = example(name);
      assert.deepEqual(checkSource(source), []);
      assert.equal(formatAmp(source), source.text);
      const program = lowerProgram(source, { batch: 4, evalBatch: 8 });
      for (const [graph, batch] of [
        [program.train, 4],
        [program.eval, 8],
      ] as const) {
        validateGraph(graph, opRules);
        assert.deepEqual(graph.nodes[graph.outputs.logits].type, { dtype: 'f32', shape: [batch, program.recipe.classes] });
      }
      assert.deepEqual(parameters(program.train), parameters(program.eval));
    });
  }

  it('simple-cnn is the network of the tutorial', () => {
    assert.deepEqual(Object.fromEntries(parameters(lowerProgram(example('simple-cnn.amp')).train)), {
      'conv1.weight': 3 * 3 * 3 * 32,
      'conv1.bias': 32,
      'conv2.weight': 3 * 3 * 32 * 64,
      'conv2.bias': 64,
      'fc1.weight': 64 * 8 * 8 * 128,
      'fc1.bias': 128,
      'fc2.weight': 128 * 10,
      'fc2.bias': 10,
    });
  });

  it('resnet18 has the parameters of the CIFAR variant', () => {
    const { train } = lowerProgram(example('resnet18.amp'));
    assert.equal(total(train), 11_173_962);
    const names = [...parameters(train).keys()];
    for (const name of [
      'conv1.weight',
      'stage1.0.conv1.weight',
      'stage2.0.shortcut.weight',
      'stage2.0.shortcut_bn.bias',
      'stage4.1.bn2.weight',
      'fc.bias',
    ]) {
      assert.ok(names.includes(name), name);
    }
    assert.equal(names.filter((name) => name.includes('shortcut.')).length, 3);
    assert.equal(train.nodes.filter((node) => node.op === 'running_update').length, 40);
  });

  it('resnet18 is read with little work', async () => {
    const [blocks] = await blocksRun('lowerResnet', [1]);
    assert.ok(blocks! < 250_000, `${blocks} blocks`);
  });

  it('chains of layers take work that grows with their length', async () => {
    const [short, long] = (await blocksRun('lower', [1000, 8000])) as [number, number];
    assert.ok(long < 10 * short, `${short} blocks, ${long} for eight times the layers`);
  });
});
