import type { DType } from '../../ir/types.js';

/** Element types in memory. A `u32` also stands for booleans, and for bytes where a language has none. */
export type ElementType = 'f32' | 'f16' | 'bf16' | 'i32' | 'u32' | 'u8';

export interface GpuFormat {
  readonly storage: ElementType;
  /** Of an element on the device. */
  readonly bytes: number;
  /** Of an element of an input, where that is something else: bytes stay packed. */
  readonly inputBytes?: number;
  readonly zero: string;
}

/** What a language makes of each format; undefined: it has none such. */
export interface GpuFormats {
  /** Of the language, for messages. */
  readonly name: string;
  readonly of: Readonly<Record<DType, GpuFormat | undefined>>;
}

/** Throws a plain Error for a format that the language lacks. */
export function formatOf({ name, of }: GpuFormats, dtype: DType): GpuFormat {
  const format = of[dtype];
  if (format === undefined) throw new Error(`${name} has no ${dtype}`);
  return format;
}
