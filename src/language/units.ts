import { precisionName, type Shape, type TensorType } from '../ir/types.js';
import { isComputeType } from '../numeric/formats.js';
import { formatShape } from '../ops/window.js';

/** Calls of a layer, layers of a pattern: more than these are counted. */
export const MAX_LISTED = 8;

/** `fp16`; of a format that nothing computes in, its name in the plan. */
export function formatName(dtype: TensorType['dtype']): string {
  return isComputeType(dtype) ? precisionName(dtype) : dtype;
}

/** `[32, 32, 16] fp16`, without the batch. */
export function resultText(shape: Shape | undefined, type: TensorType | undefined): string {
  return [shape && formatShape(shape), type && formatName(type.dtype)].filter((part) => part !== undefined).join(' ');
}

/** "1 cast", "3 casts". */
export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

const SCALES = ['', 'k', 'M', 'G', 'T'] as const;

/** `151 Mflop`. */
export function flopText(flops: number): string {
  const scale = Math.min(SCALES.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, flops)) / 3)));
  const value = flops / 1000 ** scale;
  return `${value >= 100 || scale === 0 ? Math.round(value) : value.toPrecision(3)} ${SCALES[scale]}flop`;
}

export function timeText(ms: number): string {
  return `${ms < 1 ? ms.toPrecision(2) : ms.toFixed(1)} ms`;
}
