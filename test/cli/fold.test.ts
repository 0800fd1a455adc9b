import assert from 'node:assert/strict';
import { eachRow, type Folding, foldRows } from '../../src/cli/fold.js';

interface Item {
  readonly layer: string;
  readonly value?: string;
  readonly op?: string;
}

const FOLDING: Folding<Item> = {
  path: ({ layer }) => layer,
  name: ({ layer, value }) => value ?? layer,
  facts: ({ op }) => [op],
};

const shown = (items: readonly Item[]) => foldRows(items, FOLDING).map(({ name, items: of }) => [name, of.length]);
const layers = (...paths: readonly string[]): readonly Item[] => paths.map((layer) => ({ layer }));
const numbers = (count: number) => [...Array(count).keys()];

describe('equal blocks that follow each other', () => {
  it('are one, with a count', () => {
    const items = layers('stem', ...numbers(12).flatMap((i) => [`encoder.${i}.norm`, `encoder.${i}.mlp`]), 'fc');
    const expected = [
      ['stem', 1],
      ['encoder.0…11.norm', 12],
      ['encoder.0…11.mlp', 12],
      ['fc', 1],
    ];
    assert.deepEqual(shown(items), expected);
    assert.deepEqual(
      foldRows(items, FOLDING)[1]!.items.map(({ layer }) => layer),
      numbers(12).map((i) => `encoder.${i}.norm`),
    );
    assert.equal(eachRow(items, FOLDING).length, 26);
  });

  it('are told from others by what any of their layers is', () => {
    const items = numbers(6).flatMap((i): Item[] => [{ layer: `a.${i}.x` }, { layer: `a.${i}.y`, op: i === 2 ? 'other' : 'same' }]);
    const expected = [
      ['a.0…1.x', 2],
      ['a.0…1.y', 2],
      ['a.2.x', 1],
      ['a.2.y', 1],
      ['a.3…5.x', 3],
      ['a.3…5.y', 3],
    ];
    assert.deepEqual(shown(items), expected);
    assert.deepEqual(shown(layers('a.0.x', 'a.1.x', 'a.1.y')), [
      ['a.0.x', 1],
      ['a.1.x', 1],
      ['a.1.y', 1],
    ]);
  });

  it('are folded where a layer in four of them differs, which is shown by itself', () => {
    const items = numbers(4).flatMap((i): Item[] =>
      ['x', 'y', 'z', 'last'].map((name) => ({ layer: `a.${i}.${name}`, op: name === 'last' && i === 3 ? 'other' : name })),
    );
    assert.deepEqual(shown(items), [
      ['a.0…3.x', 4],
      ['a.0…3.y', 4],
      ['a.0…3.z', 4],
      ['a.0…2.last', 3],
      ['a.3.last', 1],
    ]);
  });

  it('count downwards in the backward pass', () => {
    const items = [3, 2, 1].map((i): Item => ({ layer: `a.${i}.x`, value: `gradient of conv2d of a.${i}.x` }));
    assert.deepEqual(shown(items), [['gradient of conv2d of a.3…1.x', 3]]);
  });

  it('may read their neighbours', () => {
    const items = numbers(3).map((i): Item => ({ layer: `a.${i + 1}.x`, value: `a.${i}.y` }));
    assert.deepEqual(shown(items), [['a.0…2.y', 3]]);
    assert.equal(shown(numbers(3).map((i): Item => ({ layer: `a.${i + 1}.x`, value: 'a.0.y' }))).length, 3);
  });

  it('are folded within each other, and where only those inside are equal', () => {
    const stage = (i: number, depth: number) => numbers(depth).map((j) => `stages.${i}.blocks.${j}.conv`);
    assert.deepEqual(shown(layers(...stage(0, 3), ...stage(1, 3))), [['stages.0…1.blocks.0…2.conv', 6]]);
    const uneven = [
      ['stages.0.blocks.0…1.conv', 2],
      ['stages.1.blocks.0…2.conv', 3],
    ];
    assert.deepEqual(shown(layers(...stage(0, 2), ...stage(1, 3))), uneven);
  });

  it('are numbered one by one, and of one name', () => {
    assert.equal(shown(layers('a.0.x', 'a.2.x')).length, 2);
    assert.equal(shown(layers('a.0.x', 'b.1.x')).length, 2);
    assert.equal(shown(layers('a.0.x', 'stem', 'a.1.x')).length, 3);
    assert.deepEqual(shown(layers('a.9.x', 'a.10.x', 'aa.11.x')), [
      ['a.9…10.x', 2],
      ['aa.11.x', 1],
    ]);
  });
});
