import assert from 'node:assert/strict';
import { decode, encode, round, roundArray, widen } from '../../src/numeric/encoding.js';

const FORMATS = [
  { name: 'f16', infinity: 0x7c00 },
  { name: 'bf16', infinity: 0x7f80 },
] as const;

/** The f32 next to a positive `x`, upwards or downwards. */
function neighbour(x: number, direction: 1 | -1): number {
  const value = Float32Array.of(x);
  new Int32Array(value.buffer)[0] += direction;
  return value[0];
}

// Before anything else: what is made when a format is first used must not get into the number that is asked for.
const first = FORMATS.map(({ name }) => round(name, 1.5));

it('rounds the first number of a format as all others', () => assert.deepEqual(first, [1.5, 1.5]));

for (const { name, infinity } of FORMATS) {
  const fromBits = (pattern: number) => decode(name, pattern);
  const toBits = (x: number) => encode(name, x);

  describe(name, () => {
    it('gives every pattern back', () => {
      for (let bits = 0; bits < 65536; bits += 1) {
        const value = fromBits(bits);
        if ((bits & 0x7fff) > infinity) assert.ok(Number.isNaN(value) && Number.isNaN(fromBits(toBits(value))));
        else assert.equal(toBits(value), bits);
      }
    });

    it('rounds halfway cases to the even pattern, and all others to the nearest', () => {
      for (let bits = 0; bits < infinity - 1; bits += 1) {
        const halfway = (fromBits(bits) + fromBits(bits + 1)) / 2;
        assert.equal(Math.fround(halfway), halfway);
        const even = (bits & 1) === 0 ? bits : bits + 1;
        assert.equal(toBits(halfway), even);
        assert.equal(toBits(-halfway), even | 0x8000);
        assert.equal(toBits(neighbour(halfway, 1)), bits + 1);
        assert.equal(toBits(neighbour(halfway, -1)), bits);
      }
    });

    it('keeps infinities, signed zeros and NaN', () => {
      assert.equal(toBits(Infinity), infinity);
      assert.equal(toBits(-Infinity), infinity | 0x8000);
      assert.equal(toBits(0), 0);
      assert.equal(toBits(-0), 0x8000);
      assert.ok(Object.is(round(name, -0), -0));
      assert.ok(Number.isNaN(round(name, NaN)));
      assert.ok(Number.isNaN(fromBits(toBits(NaN))));
    });

    it('converts arrays as it converts numbers', () => {
      const values = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i) * 10 ** ((i % 90) / 2 - 30));
      values.set([NaN, Infinity, -Infinity, -0]);
      const patterns = Uint16Array.from(values, toBits);
      const rounded = values.slice();
      roundArray(name, rounded);
      assert.deepEqual(widen(name, new Uint8Array(patterns.buffer)), rounded);
      for (let i = 0; i < values.length; i += 1) assert.ok(Object.is(rounded[i], round(name, values[i])), `${values[i]}`);
    });
  });
}

describe('f16 range', () => {
  it('overflows at 65520, halfway between the largest number and the next power of two', () => {
    assert.equal(round('f16', 65504), 65504);
    assert.equal(round('f16', neighbour(65520, -1)), 65504);
    assert.equal(round('f16', 65520), Infinity);
    assert.equal(round('f16', -65520), -Infinity);
  });

  it('keeps subnormals down to 2^-24', () => {
    assert.equal(round('f16', 2 ** -24), 2 ** -24);
    assert.equal(round('f16', 2 ** -25), 0);
    assert.equal(round('f16', neighbour(2 ** -25, 1)), 2 ** -24);
    assert.equal(round('f16', 1023 * 2 ** -24), 1023 * 2 ** -24);
  });

  it('rounds through f32, and nothing below it counts', () => {
    // Above the halfway point 1 + 2^-11 by less than an f32 can say: f32 makes it the tie, which goes to even.
    assert.equal(round('f16', 1 + 2 ** -11 + 2 ** -40), 1);
    assert.equal(round('f16', 1 + 2 ** -11 + 2 ** -23), 1 + 2 ** -10);
  });
});

describe('round', () => {
  it('rounds to f32 and leaves integers alone', () => {
    assert.equal(round('f32', 0.1), Math.fround(0.1));
    assert.equal(round('i32', 16777217), 16777217);
  });

  it('knows the largest bf16', () => {
    assert.equal(round('bf16', 3.3895313892515355e38), 3.3895313892515355e38);
    assert.equal(round('bf16', 3.4e38), Infinity);
  });
});
