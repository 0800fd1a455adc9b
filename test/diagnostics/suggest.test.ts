import assert from 'node:assert/strict';
import { closest, editDistance, listNames, suggestion } from '../../src/diagnostics/suggest.js';

describe('suggestions', () => {
  it('count edits, a swap as one', () => {
    assert.deepEqual(
      [
        ['', 'abc'],
        ['kitten', 'sitting'],
        ['kernal', 'kernel'],
        ['trian', 'train'],
        ['same', 'same'],
      ].map(([a, b]) => editDistance(a, b)),
      [3, 3, 1, 1, 0],
    );
  });

  it('find the nearest name and none that is far', () => {
    const names = ['conv2d', 'linear', 'relu', 'relu6', 'max_pool2d'];
    const near = Object.fromEntries(
      ['conv3d', 'Linear', 'rellu', 'relu', 'maxPool2d', 'attention', 'x'].map((name) => [name, closest(name, names)]),
    );
    assert.deepEqual(near, {
      conv3d: undefined,
      Linear: 'linear',
      rellu: 'relu',
      relu: 'relu',
      maxPool2d: 'max_pool2d',
      attention: undefined,
      x: undefined,
    });
  });

  it('list all names where none is near', () => {
    assert.equal(suggestion('attention', ['relu', 'gelu'], 'layers'), 'the layers are `relu` and `gelu`');
    assert.equal(suggestion('attention', [], 'layers'), undefined);
    assert.equal(listNames(['a', 'b', 'c']), '`a`, `b` or `c`');
  });

  it('ignore absurdly long names', () => {
    assert.equal(closest('x'.repeat(100_000), ['x'.repeat(100_000)]), undefined);
  });
});
