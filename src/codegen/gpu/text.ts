import type { ValueType } from '../formula/expression.js';
import { digits } from '../formula/text.js';
import type { Take } from './helper.js';

/** An f32 literal that reads back as exactly the f32 nearest to the number; of one that WGSL has no literal for, an expression. */
export function floatLiteral(value: number, helper: Take): string {
  const rounded = Math.fround(value);
  if (Number.isNaN(rounded)) return `(${helper('inf')}() - ${helper('inf')}())`;
  if (!Number.isFinite(rounded)) return rounded > 0 ? `${helper('inf')}()` : `(-${helper('inf')}())`;
  return `${Number.isInteger(rounded) && Math.abs(rounded) < 1e21 ? rounded.toFixed(1) : rounded}f`;
}

/** Names of types of values, of which CUDA's prelude has those that C++ calls otherwise. */
export const TYPES: Readonly<Record<ValueType, string>> = {
  f32: 'f32',
  f64: 'no type',
  i32: 'i32',
  u32: 'u32',
  bool: 'bool',
  index: 'u32',
};

/** A number of a type. */
export function literal(value: number, type: ValueType, computed: boolean, helper: Take): string {
  switch (type) {
    case 'f32':
      return computed ? floatLiteral(value, helper) : `${digits(value)}f`;
    case 'i32':
      return String(value);
    case 'u32':
      return computed || value < 2 ** 16 ? `${value}u` : `0x${value.toString(16)}u`;
    case 'f64':
    case 'bool':
    case 'index':
      throw new Error(`no literal of type ${type}`);
  }
}

export function indent(lines: readonly string[], depth = 1): string[] {
  return lines.map((line) => (line === '' ? '' : `${'  '.repeat(depth)}${line}`));
}
