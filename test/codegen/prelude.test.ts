import assert from 'node:assert/strict';
import koffi from 'koffi';
import { prelude } from '../../src/codegen/c/prelude.js';
import { INSTRUCTION_SETS, type InstructionSet, targetFor } from '../../src/codegen/c/target.js';
import { decode, encode } from '../../src/numeric/encoding.js';
import { threefry2x32, uniform01 } from '../../src/random/threefry.js';
import { buildLibrary } from '../../src/runtime/cpu/cache.js';
import { detectTarget } from '../../src/runtime/cpu/detect.js';
import { skip } from '../support/skip.js';
import { compilerNamed, runnableSets } from './compile.js';

/** Exports the vector functions of the prelude over arrays whose length is a multiple of LANES, and their partial forms over one lane. */
const WRAPPERS = String.raw`
#define EXPORT __attribute__((visibility("default")))
EXPORT void widen(int format, const uint16_t *in, float *out, int64_t count, int64_t n) {
  for (int64_t i = 0; i < count; i += n)
    if (n == LANES) store_f32(out + i, format == 0 ? load_f16(in + i) : load_bf16(in + i));
    else store_f32_part(out + i, format == 0 ? load_f16_part(in + i, n) : load_bf16_part(in + i, n), n);
}
EXPORT void narrow(int format, const float *in, uint16_t *out, int64_t count, int64_t n) {
  for (int64_t i = 0; i < count; i += n)
    if (format == 0 && n == LANES) store_f16(out + i, load_f32(in + i));
    else if (format == 0) store_f16_part(out + i, load_f32_part(in + i, n), n);
    else if (n == LANES) store_bf16(out + i, load_f32(in + i));
    else store_bf16_part(out + i, load_f32_part(in + i, n), n);
}
EXPORT void scalars(const float *in, uint16_t *half, uint16_t *brain, int64_t count) {
  for (int64_t i = 0; i < count; i++) half[i] = f32_to_f16(in[i]), brain[i] = f32_to_bf16(in[i]);
}
EXPORT void curve(int which, const float *in, float *out, int64_t count) {
  for (int64_t i = 0; i < count; i += LANES) {
    const vf x = load_f32(in + i);
    store_f32(out + i, which == 0 ? vf_exp(x) : which == 1 ? vf_tanh(x) : which == 2 ? vf_sigmoid(x) : vf_normal(x));
  }
}
EXPORT void drop(uint32_t key0, uint32_t key1, uint32_t step, int64_t index, uint32_t threshold, float *out) {
  store_f32(out, dropout(vf_set(1.0f), key0, key1, step, index, threshold, 2.0f));
}
`;

interface Prelude {
  readonly lanes: number;
  widen(format: number, bits: Uint16Array, n: number): Float32Array;
  narrow(format: number, values: Float32Array, n: number): Uint16Array;
  scalars(values: Float32Array): { half: Uint16Array; brain: Uint16Array };
  curve(which: number, values: Float32Array): Float32Array;
  drop(key0: number, key1: number, step: number, index: number, threshold: number): Float32Array;
}

async function loadPrelude(isa: InstructionSet): Promise<Prelude> {
  const compiler = (await compilerNamed())!;
  const target = targetFor(isa, (await detectTarget(compiler)).arch);
  const text = `${prelude(target, { states: 1, arena: 1, workspace: 1, groups: 1, places: 0 })}${WRAPPERS}`;
  const { path } = await buildLibrary(text, compiler, target, ['-Wno-unused-function']);
  const library = koffi.load(path);
  const widen = library.func('void widen(int format, const void *in, void *out, int64_t count, int64_t n)');
  const narrow = library.func('void narrow(int format, const void *in, void *out, int64_t count, int64_t n)');
  const scalars = library.func('void scalars(const void *in, void *half, void *brain, int64_t count)');
  const curve = library.func('void curve(int which, const void *in, void *out, int64_t count)');
  const drop = library.func('void drop(uint32_t key0, uint32_t key1, uint32_t step, int64_t index, uint32_t threshold, void *out)');
  return {
    lanes: target.lanes,
    widen: (format, bits, n) => {
      const out = new Float32Array(bits.length);
      widen(format, bits, out, bits.length, n);
      return out;
    },
    narrow: (format, values, n) => {
      const out = new Uint16Array(values.length);
      narrow(format, values, out, values.length, n);
      return out;
    },
    scalars: (values) => {
      const [half, brain] = [new Uint16Array(values.length), new Uint16Array(values.length)];
      scalars(values, half, brain, values.length);
      return { half, brain };
    },
    curve: (which, values) => {
      const out = new Float32Array(values.length);
      curve(which, values, out, values.length);
      return out;
    },
    drop: (key0, key1, step, index, threshold) => {
      const out = new Float32Array(target.lanes);
      drop(key0, key1, step, index, threshold, out);
      return out;
    },
  };
}

/** f32 patterns around every rounding decision: all upper halves, with lower halves that lie at, below and above ties. */
function awkwardFloats(): Float32Array {
  const lower = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x0fff, 0x1000, 0x1001, 0x3000];
  const bits = new Uint32Array(65536 * lower.length);
  for (let high = 0; high < 65536; high += 1)
    for (const [i, low] of lower.entries()) bits[high * lower.length + i] = ((high << 16) | low) >>> 0;
  return new Float32Array(bits.buffer);
}

const isNaNBits = (bits: number, exponent: number, fraction: number) => (bits & exponent) === exponent && (bits & fraction) !== 0;

function assertBits(got: Uint16Array, values: Float32Array, want: (x: number) => number, exponent: number, fraction: number): void {
  for (let i = 0; i < values.length; i += 1) {
    if (Number.isNaN(values[i])) assert.ok(isNaNBits(got[i]!, exponent, fraction), 'a NaN stays one');
    else if (got[i] !== want(values[i]!)) assert.fail(`${values[i]} became ${got[i]}, not ${want(values[i]!)}`);
  }
}

/** Element i is `want(i)`; any NaN is as good as another. */
function assertSame(got: Float32Array, want: (bits: number) => number): void {
  for (let bits = 0; bits < got.length; bits += 1)
    if (!Object.is(got[bits], want(bits))) assert.fail(`${bits} became ${got[bits]}, not ${want(bits)}`);
}

/** Distance in units of the last place of the expected f32. */
function unitsOff(got: number, want: number): number {
  const rounded = Math.fround(want);
  if (Object.is(got, rounded) || got === rounded) return 0;
  const unit = Math.max(2 ** (Math.floor(Math.log2(Math.abs(rounded))) - 23), 2 ** -149);
  return Math.abs(got - want) / unit;
}

function grid(low: number, high: number, count = 4096): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));
}

const halfToNumber = (pattern: number) => decode('f16', pattern);
const bfloat16ToNumber = (pattern: number) => decode('bf16', pattern);
const roundToHalfBits = (x: number) => encode('f16', x);
const roundToBfloat16Bits = (x: number) => encode('bf16', x);

describe('the C prelude', () => {
  for (const isa of INSTRUCTION_SETS.filter((name) => (name === 'neon') === (process.arch === 'arm64'))) {
    describe(isa, () => {
      let c: Prelude;

      before(async function () {
        this.timeout(60_000);
        const compiler = await compilerNamed();
        if (compiler === undefined || !(await runnableSets(compiler)).includes(isa)) skip(this, `this processor does not run ${isa}`);
        c = await loadPrelude(isa);
      });

      it('widens every f16 and bf16 exactly', () => {
        const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
        for (const n of [c.lanes, 1]) {
          assertSame(c.widen(0, all, n), halfToNumber);
          assertSame(c.widen(1, all, n), bfloat16ToNumber);
        }
      });

      it('rounds to f16 and bf16 bit for bit as numeric/encoding does', () => {
        const values = awkwardFloats();
        for (const n of [c.lanes, 1]) {
          assertBits(c.narrow(0, values, n), values, roundToHalfBits, 0x7c00, 0x3ff);
          assertBits(c.narrow(1, values, n), values, roundToBfloat16Bits, 0x7f80, 0x7f);
        }
        const { half, brain } = c.scalars(values);
        assertBits(half, values, roundToHalfBits, 0x7c00, 0x3ff);
        assertBits(brain, values, roundToBfloat16Bits, 0x7f80, 0x7f);
      });

      it('has exp, tanh and sigmoid to two units in the last place', () => {
        for (const [which, f, low, high] of [
          [0, Math.exp, -103, 88.7],
          [1, Math.tanh, -10, 10],
          [1, Math.tanh, -0.7, 0.7],
          [2, (x: number) => 1 / (1 + Math.exp(-x)), -80, 80],
        ] as const) {
          const x = grid(low, high);
          const y = c.curve(which, x);
          for (let i = 0; i < x.length; i += 1) assert.ok(unitsOff(y[i]!, f(x[i]!)) <= 2.5, `f(${x[i]}) is ${y[i]}, not ${f(x[i]!)}`);
        }
      });

      it('keeps the normal distribution accurate in both tails', () => {
        // Known values of P(X <= x).
        const known = new Map([
          [0, 0.5],
          [1, 0.8413447460685429],
          [-1, 0.15865525393145707],
          [-2, 0.022750131948179195],
          [-4, 3.167124183311986e-5],
          [-6, 9.865876450376946e-10],
        ]);
        const x = new Float32Array(16);
        x.set([...known.keys()]);
        const y = c.curve(3, x);
        for (const [i, want] of [...known.values()].entries())
          assert.ok(Math.abs(y[i]! - want) <= 3e-6 * want, `P(${x[i]}) is ${y[i]}, not ${want}`);
      });

      it('passes infinities and NaNs through', () => {
        const x = new Float32Array(16).fill(0);
        x.set([Infinity, -Infinity, NaN, 200, -200]);
        assert.deepEqual([...c.curve(0, x).subarray(0, 5)], [Infinity, 0, NaN, Infinity, 0]);
        assert.deepEqual([...c.curve(1, x).subarray(0, 5)], [1, -1, NaN, 1, -1]);
        assert.deepEqual([...c.curve(2, x).subarray(0, 5)], [1, 0, NaN, 1, 0]);
      });

      it('draws the same random numbers as random/threefry, from any index', () => {
        const threshold = 0x800000;
        for (const index of [0, 1, 5, 64, 2 ** 31 + 7]) {
          const got = c.drop(7, 0xdeadbeef, 12, index, threshold);
          const want = Float32Array.from({ length: c.lanes }, (_, lane) => {
            const element = index + lane;
            const word = threefry2x32(7, 0xdeadbeef, Math.floor(element / 2), 12)[element % 2]!;
            return uniform01(word) >= threshold / 2 ** 24 ? 2 : 0;
          });
          assert.deepEqual(got, want);
        }
      });
    });
  }
});
