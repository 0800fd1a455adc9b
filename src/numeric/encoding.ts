import { type DType, type FloatFormat, type FloatType, FORMATS, isFloat, isNarrow, LIMITS, type NarrowType } from './formats.js';

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

const F32_INFINITY = 0x7f800000;
const F32_QUIET_NAN = 0x7fc00000;

/** Both ways between the f32 with certain bits and the patterns of a narrower format. */
interface Codec {
  /** The pattern nearest to the f32 with these bits. A NaN stays one, with what fits of its payload. */
  readonly fromF32: (bits: number) => number;
  /** Of every pattern the bits of the f32 that it is. */
  readonly toF32: Uint32Array;
}

/** What the patterns of a format look like: masks, and those that mean something special. */
export function patternsOf(dtype: NarrowType) {
  const { bytes, exponentBits, fractionBits, infinities, overflow }: FloatFormat = FORMATS[dtype];
  const magnitudes = 2 ** (exponentBits + fractionBits) - 1;
  const ends = (2 ** exponentBits - 1) << fractionBits;
  const infinity = infinities ? ends : undefined;
  const largest = infinity === undefined ? magnitudes - 1 : infinity - 1;
  return {
    fractionBits,
    count: 2 ** (8 * bytes),
    magnitudes,
    /** What an f32 loses at the end of its fraction. */
    shift: FORMATS.f32.fractionBits - fractionBits,
    signShift: 32 - 8 * bytes,
    /** From the bits of an f32 to those of one with the format's bias. */
    rebias: (LIMITS.f32.bias - LIMITS[dtype].bias) << FORMATS.f32.fractionBits,
    largest,
    infinity,
    /** What is larger than the largest becomes this. */
    beyond: overflow === 'infinity' ? ends : largest,
    /** A quiet NaN with an empty payload, and the bits that a payload has. */
    nan: infinities ? ends | (1 << (fractionBits - 1)) : magnitudes,
    payload: infinities ? (1 << (fractionBits - 1)) - 1 : 0,
  };
}

function encoderOf(dtype: NarrowType): Codec['fromF32'] {
  const { bias } = LIMITS[dtype];
  const { fractionBits, magnitudes, shift, signShift, rebias, largest, beyond, nan, payload } = patternsOf(dtype);
  /** The smallest f32 whose exponent is one of the format's; with f32's own exponents, subnormals are rounded as normal numbers are. */
  const normal = rebias === 0 ? 0 : rebias + (1 << FORMATS.f32.fractionBits);
  /** By how many bits the fraction of an f32 with biased exponent e is longer than a subnormal's: this minus e. */
  const subnormal = LIMITS.f32.bias + FORMATS.f32.fractionBits + 1 - bias - fractionBits;
  return (bits) => {
    const sign = (bits >>> signShift) & (magnitudes + 1);
    const magnitude = bits & 0x7fffffff;
    if (magnitude > F32_INFINITY) return sign | nan | ((magnitude >>> shift) & payload);
    if (magnitude >= normal) {
      // A carry out of the fraction is the right exponent.
      const rebased = magnitude - rebias;
      const pattern = (rebased + (1 << (shift - 1)) - 1 + ((rebased >>> shift) & 1)) >>> shift;
      return sign | (pattern > largest ? beyond : pattern);
    }
    const lost = subnormal - (magnitude >>> 23);
    if (lost > 24) return sign;
    const significand = (magnitude & 0x7fffff) | 0x800000;
    const kept = significand >>> lost;
    const rest = significand & ((1 << lost) - 1);
    const half = 1 << (lost - 1);
    return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
  };
}

function decoderOf(dtype: NarrowType): Codec['toF32'] {
  const scratch = new Float32Array(1);
  const scratchBits = new Uint32Array(scratch.buffer);
  const { bias, smallestSubnormal } = LIMITS[dtype];
  const { fractionBits, count, magnitudes, shift, signShift, largest, infinity } = patternsOf(dtype);
  const result = new Uint32Array(count);
  for (let pattern = 0; pattern < count; pattern += 1) {
    const magnitude = pattern & magnitudes;
    const exponent = magnitude >>> fractionBits;
    const fraction = magnitude & (2 ** fractionBits - 1);
    if (magnitude <= largest) {
      scratch[0] = exponent === 0 ? fraction * smallestSubnormal : (1 + fraction / 2 ** fractionBits) * 2 ** (exponent - bias);
    } else {
      scratchBits[0] = magnitude === infinity ? F32_INFINITY : F32_QUIET_NAN | (fraction << shift);
    }
    result[pattern] = ((pattern & (magnitudes + 1)) << signShift) | scratchBits[0];
  }
  return result;
}

const codecs = new Map<NarrowType, Codec>();

/** Made when first needed: most commands never look at a low format. */
function codecOf(dtype: NarrowType): Codec {
  let codec = codecs.get(dtype);
  if (codec === undefined) {
    codec = { fromF32: encoderOf(dtype), toF32: decoderOf(dtype) };
    codecs.set(dtype, codec);
  }
  return codec;
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** Rounds to f32, then to the format, as its line in the table says; gives the pattern. */
export function encode(dtype: NarrowType, x: number): number {
  const { fromF32 } = codecOf(dtype);
  scratch[0] = x;
  return fromF32(scratchBits[0]);
}

/** The value of a pattern. */
export function decode(dtype: NarrowType, pattern: number): number {
  const { toF32 } = codecOf(dtype);
  scratchBits[0] = toF32[pattern];
  return scratch[0];
}

/** `x` in format `dtype`: rounded to f32 first, then once more for the narrower formats. Integers pass. */
export function round(dtype: DType, x: number): number {
  if (!isFloat(dtype)) return x;
  return dtype === 'f32' ? Math.fround(x) : decode(dtype, encode(dtype, x));
}

/** The patterns nearest to every element. */
export function narrow(dtype: NarrowType, values: Float32Array): Uint8Array {
  const { fromF32 } = codecOf(dtype);
  const bits = bitsOf(values);
  const bytes = new Uint8Array(bits.length * FORMATS[dtype].bytes);
  const patterns = PATTERNS[FORMATS[dtype].bytes](bytes);
  for (let i = 0; i < bits.length; i += 1) patterns[i] = fromF32(bits[i]!);
  return bytes;
}

/** Numbers of a float format as they lie in memory, rounded to it; those of f32 as a view of the array. */
export function toBytes(dtype: FloatType, values: Float32Array): Uint8Array {
  return isNarrow(dtype) ? narrow(dtype, values) : new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Rounds every element to `dtype` in place. */
export function roundArray(dtype: DType, values: Float32Array): void {
  if (!isNarrow(dtype)) return;
  const { fromF32, toF32 } = codecOf(dtype);
  const bits = bitsOf(values);
  for (let i = 0; i < bits.length; i += 1) bits[i] = toF32[fromF32(bits[i])];
}

const PATTERNS = {
  1: (bytes: Uint8Array) => bytes,
  2: ({ buffer, byteOffset, length }: Uint8Array) => new Uint16Array(buffer, byteOffset, length / 2),
};

/** Elements of any format, as they lie in memory, as numbers; those of f32 as a view of the bytes. */
export function widen(dtype: DType, bytes: Uint8Array): Float32Array {
  const place = [bytes.buffer, bytes.byteOffset, bytes.length / FORMATS[dtype].bytes] as const;
  switch (dtype) {
    case 'f32':
      return new Float32Array(...place);
    case 'i32':
      return Float32Array.from(new Int32Array(...place));
    case 'u8':
    case 'bool':
      return Float32Array.from(bytes);
    default: {
      const { toF32 } = codecOf(dtype);
      const patterns = PATTERNS[FORMATS[dtype].bytes](bytes);
      const result = new Float32Array(patterns.length);
      const bits = bitsOf(result);
      for (let i = 0; i < bits.length; i += 1) bits[i] = toF32[patterns[i]];
      return result;
    }
  }
}
