import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  COMPUTE_TYPES,
  FLOAT_TYPES,
  type FloatLimits,
  FORMATS,
  formatNamed,
  hasShortRange,
  isLow,
  isSubset,
  LIMITS,
  precisionName,
} from '../../src/numeric/formats.js';

describe('the table of formats', () => {
  it('gives the numbers of the standards', () => {
    assert.deepEqual(LIMITS.f32, {
      bias: 127,
      largest: 3.4028234663852886e38,
      overflows: 3.4028235677973366e38,
      smallestNormal: 1.1754943508222875e-38,
      smallestSubnormal: 1.401298464324817e-45,
      unitRoundoff: 2 ** -24,
    });
    assert.deepEqual(LIMITS.f16, {
      bias: 15,
      largest: 65504,
      overflows: 65520,
      smallestNormal: 2 ** -14,
      smallestSubnormal: 2 ** -24,
      unitRoundoff: 2 ** -11,
    });
    const ends = ({ bias, largest, smallestNormal, smallestSubnormal }: FloatLimits) => [bias, largest, smallestNormal, smallestSubnormal];
    // OCP 8-bit floating point specification, revision 1.0, table 1.
    assert.deepEqual(ends(LIMITS.f8_e4m3), [7, 448, 2 ** -6, 2 ** -9]);
    assert.deepEqual(ends(LIMITS.f8_e5m2), [15, 57344, 2 ** -14, 2 ** -16]);
    const { largest, overflows, smallestSubnormal } = LIMITS.bf16;
    assert.deepEqual([largest, overflows, smallestSubnormal], [2 ** 128 - 2 ** 120, 2 ** 128 - 2 ** 119, 2 ** -133]);
  });

  it('fills the bytes of a format with sign, exponent and fraction', () => {
    for (const dtype of FLOAT_TYPES) {
      const { bytes, exponentBits, fractionBits } = FORMATS[dtype];
      assert.equal(1 + exponentBits + fractionBits, 8 * bytes, dtype);
    }
  });

  it('saturates where there are no infinities', () => {
    for (const dtype of FLOAT_TYPES) if (FORMATS[dtype].overflow === 'infinity') assert.ok(FORMATS[dtype].infinities, dtype);
  });

  it('knows which format holds another', () => {
    const pairs = FLOAT_TYPES.flatMap((from) => FLOAT_TYPES.filter((to) => from !== to && isSubset(from, to)).map((to) => `${from} ${to}`));
    const narrow = ['f16', 'bf16', 'f8_e4m3', 'f8_e5m2'];
    assert.deepEqual(pairs, [
      ...narrow.slice(0, 2).map((from) => `${from} f32`),
      ...narrow.slice(2).flatMap((from) => ['f32', 'f16', 'bf16'].map((to) => `${from} ${to}`)),
    ]);
  });

  it('knows formats by the names of the language', () => {
    assert.deepEqual(COMPUTE_TYPES.map(precisionName), ['fp32', 'fp16', 'bf16']);
    assert.deepEqual(['fp32', 'fp16', 'bf16', 'f16', 'f8_e4m3', 'constructor', ''].map(formatNamed), [
      'f32',
      'f16',
      'bf16',
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('says which are low, and which take a loss scale', () => {
    assert.deepEqual(COMPUTE_TYPES.filter(isLow), ['f16', 'bf16']);
    assert.deepEqual(COMPUTE_TYPES.filter(hasShortRange), ['f16']);
  });

  it('is the only place of src with its numbers, comments aside', () => {
    const written =
      /\b65[,_]?504\b|\b65[,_]?520\b|\b57[,_]?344\b|\b448\b|\b3\.40?\d*e\+?38\b|\b1\.1[78]\d*e-38\b|\b(6\.1|5\.9|6e-)\d*e?-?[58]\b|\b2 \*\* -1?(14|26|33|49)\b/;
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const found = files.flatMap((name) =>
      readFileSync(join('src', name), 'utf8')
        .split('\n')
        .flatMap((line, i) => (written.test(line.replace(/^\s*(\/\*\*?|\*|\/\/) .*/, '')) ? [`${name}:${i + 1}: ${line.trim()}`] : [])),
    );
    assert.deepEqual(found, []);
  });
});
