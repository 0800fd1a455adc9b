import type { Node } from '../ir/types.js';
import { numbersAttr } from '../ir/types.js';
import { type Code, emit, fixed, joined } from './code.js';

/** The windows of a pool over an image, and where the first one starts: so many rows above it and columns left of it. */
export interface Window {
  readonly rows: number;
  readonly columns: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly top: number;
  readonly left: number;
  /** Every window lies inside the image. */
  readonly inside: boolean;
}

export function windowOf({ attrs }: Node): Window {
  const [rows, columns] = numbersAttr(attrs, 'window') as [number, number];
  const [strideY, strideX] = numbersAttr(attrs, 'stride') as [number, number];
  const padding = numbersAttr(attrs, 'padding');
  const [top, , left] = padding as [number, number, number];
  return { rows, columns, strideY, strideX, top, left, inside: padding.every((size) => size === 0) };
}

export interface Image {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** The images of a tensor [batch, height, width, channels]. */
export function imageOf(shape: readonly number[]): Image {
  const [, height, width, channels] = shape as [number, number, number, number];
  return { height, width, channels };
}

/** Texts of a row and a column; whole numbers with a sign. */
export interface Pixel<Text extends Code = Code> {
  readonly y: Text;
  readonly x: Text;
}

/**
 * The pixel at place `tap` (row by row) of the window that the result's pixel sees. `outside`: the condition, of `y` and `x`, that it is
 * padding; left out where it cannot be.
 */
export function windowPixel(window: Window, image: Image, tap: string, result: Pixel): Pixel & { readonly outside?: Code } {
  const { columns, strideY, strideX, top, left, inside } = window;
  return {
    y: emit`${result.y} * ${strideY} + ${tap} / ${fixed(columns)} - ${top}`,
    x: emit`${result.x} * ${strideX} + ${tap} % ${fixed(columns)} - ${left}`,
    ...(!inside && { outside: emit`y < 0 || y >= ${image.height} || x < 0 || x >= ${image.width}` }),
  };
}

interface Range {
  readonly from: Code;
  /** Behind the last. */
  readonly to: Code;
}

/** Results whose window holds a pixel: at most one, where the condition holds; or all those in rows and columns of some ranges. */
type Holders = { readonly only: Pixel; readonly when: Code } | { readonly rows: Range; readonly columns: Range };

/** How a target writes the larger and the smaller of two whole numbers. */
export interface Extremes {
  readonly larger: (a: Code, b: Code) => Code;
  readonly smaller: (a: Code, b: Code) => Code;
}

/** The results, pixels of a pooled image, whose window holds a pixel, of which the padding counts: `place` is never negative. */
export function holders(window: Window, pooled: Image, place: Pixel, { larger, smaller }: Extremes): Holders {
  const { rows, columns, strideY, strideX } = window;
  if (rows <= strideY && columns <= strideX) {
    const only = { y: emit`${place.y} / ${fixed(strideY)}`, x: emit`${place.x} / ${fixed(strideX)}` };
    const within = (at: Code, i: string, size: number, stride: number) => (size < stride ? [emit`${at} - ${i} * ${stride} < ${size}`] : []);
    const gaps = [...within(place.y, 'i', rows, strideY), ...within(place.x, 'j', columns, strideX)];
    return { only, when: joined([emit`i < ${pooled.height}`, emit`j < ${pooled.width}`, ...gaps], ' && ') };
  }
  const range = (at: Code, size: number, stride: number, count: number): Range => ({
    from: larger('0', emit`(${at} - ${size} + ${stride}) / ${fixed(stride)}`),
    to: smaller(emit`${count}`, emit`${at} / ${fixed(stride)} + 1`),
  });
  return { rows: range(place.y, rows, strideY, pooled.height), columns: range(place.x, columns, strideX, pooled.width) };
}

/** The pixel's place, row by row, in the window of the result in row `i` and column `j`. */
export function placeInWindow({ columns, strideY, strideX }: Window, place: Pixel): Code {
  return emit`(${place.y} - i * ${strideY}) * ${columns} + ${place.x} - j * ${strideX}`;
}
