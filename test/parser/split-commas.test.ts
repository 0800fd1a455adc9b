import assert from 'node:assert/strict';
import { splitAtCommas } from '../../src/parser/split-commas.js';

describe('splitAtCommas', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['0.1,1e-3', ['0.1', '1e-3']],
    ['sgd(lr: 0.1, momentum: 0.9),adam', ['sgd(lr: 0.1, momentum: 0.9)', 'adam']],
    ['piecewise([[1, 0.5], [2, 0]]),constant', ['piecewise([[1, 0.5], [2, 0]])', 'constant']],
    ['folder("a,(b"),cifar10', ['folder("a,(b")', 'cifar10']],
    ['1,', ['1', '']],
    ['', ['']],
    [')a,b(', [')a', 'b(']],
  ];
  for (const [text, parts] of cases) it(`divides ${JSON.stringify(text)}`, () => assert.deepEqual(splitAtCommas(text), parts));
});
