/**
 * Every element format, declared once. Whatever else ampc knows of a format follows from its line here, or stands in a table that must have
 * an entry for every format (docs/adding-a-format.md).
 */
export interface FloatFormat {
  readonly kind: 'float';
  readonly bytes: number;
  /**
   * Beside the sign's bit. The bias of the exponent is 2^(bits - 1) - 1, and the smallest exponent holds zero and subnormals (IEEE 754).
   */
  readonly exponentBits: number;
  readonly fractionBits: number;
  /** Whether the largest exponent holds infinities and NaNs, as in IEEE 754; else it holds numbers, and all ones is the only NaN. */
  readonly infinities: boolean;
  /** What magnitudes beyond the largest are rounded to. All others are rounded to the nearest, ties to even. */
  readonly overflow: 'infinity' | 'saturate';
  /** `full`: that of masters and sums; `low`: what a policy or a pin may lower ops to; `storage`: what only casts read and make. */
  readonly use: 'full' | 'low' | 'storage';
  /** What a file, the command line and messages call it; null: they cannot. */
  readonly language: string | null;
}

interface IntegerFormat {
  readonly kind: 'integer';
  readonly bytes: number;
  readonly least: number;
  readonly largest: number;
}

/** By the name that the IR and a plan's text call it. */
export const FORMATS = {
  f32: {
    kind: 'float',
    bytes: 4,
    exponentBits: 8,
    fractionBits: 23,
    infinities: true,
    overflow: 'infinity',
    use: 'full',
    language: 'fp32',
  },
  f16: {
    kind: 'float',
    bytes: 2,
    exponentBits: 5,
    fractionBits: 10,
    infinities: true,
    overflow: 'infinity',
    use: 'low',
    language: 'fp16',
  },
  bf16: {
    kind: 'float',
    bytes: 2,
    exponentBits: 8,
    fractionBits: 7,
    infinities: true,
    overflow: 'infinity',
    use: 'low',
    language: 'bf16',
  },
  // The two of the 8-bit floating point specification (OCP, 2023).
  f8_e4m3: {
    kind: 'float',
    bytes: 1,
    exponentBits: 4,
    fractionBits: 3,
    infinities: false,
    overflow: 'saturate',
    use: 'storage',
    language: null,
  },
  f8_e5m2: {
    kind: 'float',
    bytes: 1,
    exponentBits: 5,
    fractionBits: 2,
    infinities: true,
    overflow: 'infinity',
    use: 'storage',
    language: null,
  },
  i32: { kind: 'integer', bytes: 4, least: -(2 ** 31), largest: 2 ** 31 - 1 },
  u8: { kind: 'integer', bytes: 1, least: 0, largest: 255 },
  bool: { kind: 'integer', bytes: 1, least: 0, largest: 1 },
} as const satisfies Readonly<Record<string, FloatFormat | IntegerFormat>>;

type Table = typeof FORMATS;
type Where<Property> = { [T in keyof Table]: Table[T] extends Property ? T : never }[keyof Table];

/** The name of an element format in the IR. */
export type DType = keyof Table;
export type FloatType = Where<{ kind: 'float' }>;
/** The formats that the policies and pins choose from: f32 and the low ones. */
export type ComputeType = Where<{ use: 'full' | 'low' }>;
/** Floats of fewer bits than f32. */
export type NarrowType = Exclude<FloatType, 'f32'>;
export type StorageType = Where<{ use: 'storage' }>;
export type LowType = Where<{ use: 'low' }>;
/** A compute format as the language and the command line call it. */
export type PrecisionName = Table[ComputeType]['language'];

export function isFloat(dtype: DType): dtype is FloatType {
  return FORMATS[dtype].kind === 'float';
}

/** Whether ops may compute in the format. */
export function isComputeType(dtype: DType): dtype is ComputeType {
  return isFloat(dtype) && useOf(dtype) !== 'storage';
}

export function isLow(dtype: DType): dtype is LowType {
  return isFloat(dtype) && useOf(dtype) === 'low';
}

/** Whether a number may be rounded on its way into the format. */
export function isNarrow(dtype: DType): dtype is NarrowType {
  return isFloat(dtype) && dtype !== 'f32';
}

export function isStorage(dtype: DType): dtype is StorageType {
  return isFloat(dtype) && useOf(dtype) === 'storage';
}

function useOf(dtype: FloatType): FloatFormat['use'] {
  return FORMATS[dtype].use;
}

export const DTYPES = Object.keys(FORMATS) as readonly DType[];
export const FLOAT_TYPES: readonly FloatType[] = DTYPES.filter(isFloat);
export const STORAGE_TYPES: readonly StorageType[] = DTYPES.filter(isStorage);
export const COMPUTE_TYPES: readonly ComputeType[] = DTYPES.filter(isComputeType);

export const BYTES = Object.fromEntries(DTYPES.map((dtype) => [dtype, FORMATS[dtype].bytes])) as Readonly<Record<DType, number>>;

export function precisionName(dtype: ComputeType): PrecisionName {
  return FORMATS[dtype].language;
}

/** The compute format that the language calls `name`; undefined when it calls none so. */
export function formatNamed(name: string): ComputeType | undefined {
  return COMPUTE_TYPES.find((dtype) => precisionName(dtype) === name);
}

/** The numbers that a format of floats ends at. */
export interface FloatLimits {
  readonly bias: number;
  /** The largest finite number. */
  readonly largest: number;
  /** Halfway to the number that would follow it: what is not smaller overflows. */
  readonly overflows: number;
  /** Smaller ones have fewer digits. */
  readonly smallestNormal: number;
  /** Half of it is rounded to 0. */
  readonly smallestSubnormal: number;
  /** The largest relative error of rounding to a normal number: half a unit in the last place of 1. */
  readonly unitRoundoff: number;
}

function limitsOf({ exponentBits, fractionBits, infinities }: FloatFormat): FloatLimits {
  const bias = 2 ** (exponentBits - 1) - 1;
  const unit = 2 ** -fractionBits;
  const largestExponent = infinities ? bias : bias + 1;
  const largest = (2 - (infinities ? unit : 2 * unit)) * 2 ** largestExponent;
  const smallestNormal = 2 ** (1 - bias);
  return {
    bias,
    largest,
    overflows: largest + (unit / 2) * 2 ** largestExponent,
    smallestNormal,
    smallestSubnormal: smallestNormal * unit,
    unitRoundoff: unit / 2,
  };
}

export const LIMITS = Object.fromEntries(FLOAT_TYPES.map((dtype) => [dtype, limitsOf(FORMATS[dtype])])) as Readonly<
  Record<FloatType, FloatLimits>
>;

/** Whether the format is one of floats with fewer exponents than f32: gradients may overflow or vanish in it, and need a loss scale. */
export function hasShortRange(dtype: DType): dtype is FloatType {
  return isFloat(dtype) && FORMATS[dtype].exponentBits < FORMATS.f32.exponentBits;
}

/** Whether every value of one format is a value of another. */
export function isSubset(from: DType, to: DType): boolean {
  if (from === to) return true;
  if (!isFloat(from) || !isFloat(to)) return false;
  const [a, b] = [FORMATS[from], FORMATS[to]];
  if (a.fractionBits > b.fractionBits || (a.infinities && !b.infinities)) return false;
  return LIMITS[from].largest <= LIMITS[to].largest && LIMITS[from].smallestSubnormal >= LIMITS[to].smallestSubnormal;
}
