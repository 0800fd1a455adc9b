import assert from 'node:assert/strict';
import { decode, encode, round, roundArray, widen } from '../../src/numeric/encoding.js';
import { FORMATS, LIMITS, STORAGE_TYPES } from '../../src/numeric/formats.js';

const patterns = Array.from({ length: 256 }, (_, pattern) => pattern);
/** The numbers of a format from 0 up, whose patterns count up from 0. */
const numbersOf = (dtype: (typeof STORAGE_TYPES)[number]) =>
  patterns
    .slice(0, 128)
    .map((pattern) => decode(dtype, pattern))
    .filter(Number.isFinite);

describe('formats of one byte', () => {
  it('have the values of the specification', () => {
    const e4m3 = [0x00, 0x01, 0x07, 0x08, 0x38, 0x7e, 0x80, 0xb8, 0xfe].map((pattern) => decode('f8_e4m3', pattern));
    assert.deepEqual(e4m3, [0, 2 ** -9, 7 * 2 ** -9, 2 ** -6, 1, 448, -0, -1, -448]);
    const e5m2 = [0x00, 0x01, 0x03, 0x04, 0x3c, 0x7b, 0x7c, 0x80, 0xbc, 0xfb, 0xfc].map((pattern) => decode('f8_e5m2', pattern));
    assert.deepEqual(e5m2, [0, 2 ** -16, 3 * 2 ** -16, 2 ** -14, 1, 57344, Infinity, -0, -1, -57344, -Infinity]);
    assert.deepEqual(
      patterns.filter((pattern) => Number.isNaN(decode('f8_e4m3', pattern))),
      [0x7f, 0xff],
    );
    assert.deepEqual(
      patterns.filter((pattern) => Number.isNaN(decode('f8_e5m2', pattern))),
      [0x7d, 0x7e, 0x7f, 0xfd, 0xfe, 0xff],
    );
  });

  it('overflow as their lines in the table say', () => {
    assert.deepEqual(
      [464, 465, 1e30, Infinity, -Infinity].map((x) => round('f8_e4m3', x)),
      [448, 448, 448, 448, -448],
    );
    assert.deepEqual(
      [61439, 61440, 1e30, -Infinity].map((x) => round('f8_e5m2', x)),
      [57344, Infinity, Infinity, -Infinity],
    );
    assert.deepEqual([encode('f8_e4m3', Number.NaN) & 0x7f, encode('f8_e5m2', Number.NaN) & 0x7f], [0x7f, 0x7e]);
  });

  for (const dtype of STORAGE_TYPES) {
    it(`${dtype} gives every pattern back, and rounds to the nearest, ties to even`, () => {
      for (const pattern of patterns) {
        const value = decode(dtype, pattern);
        if (Number.isNaN(value)) assert.ok(Number.isNaN(round(dtype, value)));
        else if (Number.isFinite(value) || FORMATS[dtype].overflow === 'infinity') assert.equal(encode(dtype, value), pattern);
      }
      const numbers = numbersOf(dtype);
      assert.equal(numbers.at(-1), LIMITS[dtype].largest);
      for (let i = 0; i + 1 < numbers.length; i += 1) {
        const [low, high] = [numbers[i]!, numbers[i + 1]!];
        const tie = (low + high) / 2;
        assert.equal(encode(dtype, tie), i % 2 === 0 ? i : i + 1);
        assert.equal(encode(dtype, -tie), (i % 2 === 0 ? i : i + 1) | 0x80);
        assert.equal(round(dtype, tie * (1 - 2 ** -20)), low);
        assert.equal(round(dtype, tie * (1 + 2 ** -20)), high);
      }
    });

    it(`${dtype} is converted in arrays as in numbers`, () => {
      const values = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i) * 2 ** ((i % 44) - 22));
      const rounded = values.slice();
      roundArray(dtype, rounded);
      for (let i = 0; i < values.length; i += 1) assert.ok(Object.is(rounded[i], round(dtype, values[i]!)));
      assert.deepEqual(
        widen(
          dtype,
          Uint8Array.from(values, (x) => encode(dtype, x)),
        ),
        rounded,
      );
    });
  }
});
