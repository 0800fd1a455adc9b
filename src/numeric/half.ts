/** Formats of 16 bits: f16 (IEEE binary16: 5 exponent bits, 10 of fraction) and bf16 (the upper half of an f32). */
export type HalfType = 'f16' | 'bf16';

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** The f16 pattern nearest to the f32 with pattern `bits`. */
function halfFromBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff);
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    // Rebias the exponent from 127 to 15; a carry out of the fraction is the right exponent, up to infinity.
    const rebased = magnitude - 0x38000000;
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  const exponent = magnitude >>> 23;
  if (exponent < 102) return sign;
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - exponent;
  const kept = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}

/** The bf16 pattern nearest to the f32 with pattern `bits`. */
function bfloat16FromBits(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 0) >>> 16) & 0xffff;
}

function computeHalf(bits: number): number {
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (fraction + 1024) * 2 ** (exponent - 25);
}

/** Made when first needed: most commands never look at a half. */
let halfValues: Float32Array | undefined;

function halfTable(): Float32Array {
  halfValues ??= Float32Array.from({ length: 65536 }, (_, pattern) => computeHalf(pattern));
  return halfValues;
}

/** Rounds to f32, then to the nearest f16 (ties to even; subnormals kept, overflow to infinity, NaN stays NaN); gives its 16 bits. */
export function roundToHalfBits(x: number): number {
  scratch[0] = x;
  return halfFromBits(scratchBits[0]);
}

/** The value of an f16 pattern. */
export function halfToNumber(bits: number): number {
  return halfTable()[bits];
}

/** Rounds to f32, then to the nearest bf16 (ties to even; subnormals kept, overflow to infinity, NaN stays NaN); gives its 16 bits. */
export function roundToBfloat16Bits(x: number): number {
  scratch[0] = x;
  return bfloat16FromBits(scratchBits[0]);
}

/** The value of a bf16 pattern. */
export function bfloat16ToNumber(bits: number): number {
  scratchBits[0] = bits << 16;
  return scratch[0];
}

/** `x` in format `dtype`: rounded to f32 first, then once more for the 16-bit formats. Integers pass. */
export function round(dtype: string, x: number): number {
  if (dtype === 'f32') return Math.fround(x);
  if (dtype === 'f16') return halfTable()[roundToHalfBits(x)];
  if (dtype === 'bf16') return bfloat16ToNumber(roundToBfloat16Bits(x));
  return x;
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** Rounds every element to `dtype` in place. */
export function roundArray(dtype: string, values: Float32Array): void {
  const bits = bitsOf(values);
  if (dtype === 'f16') {
    const table = halfTable();
    for (let i = 0; i < values.length; i += 1) values[i] = table[halfFromBits(bits[i])];
  } else if (dtype === 'bf16') {
    for (let i = 0; i < values.length; i += 1) bits[i] = bfloat16FromBits(bits[i]) << 16;
  }
}

/** 16-bit patterns of the values rounded to `dtype`. */
export function encodeHalf(dtype: HalfType, values: Float32Array): Uint16Array {
  const convert = dtype === 'f16' ? halfFromBits : bfloat16FromBits;
  const bits = bitsOf(values);
  const result = new Uint16Array(values.length);
  for (let i = 0; i < result.length; i += 1) result[i] = convert(bits[i]);
  return result;
}

/** Values of 16-bit patterns. */
export function decodeHalf(dtype: HalfType, patterns: Uint16Array): Float32Array {
  const result = new Float32Array(patterns.length);
  if (dtype === 'f16') {
    const table = halfTable();
    for (let i = 0; i < result.length; i += 1) result[i] = table[patterns[i]];
  } else {
    const bits = bitsOf(result);
    for (let i = 0; i < result.length; i += 1) bits[i] = patterns[i] << 16;
  }
  return result;
}
