import { elementCount, type Shape } from '../../ir/types.js';
import { type ImageSet, placeOf } from './dataset.js';
import { encodePng } from './picture.js';
import { Resampler } from './resample.js';

/** Whether images of a shape can be seen: pictures have at most four channels. */
export function isPicture(shape: Shape): boolean {
  const [, , channels = 0] = shape;
  return shape.length === 3 && channels >= 1 && channels <= 4;
}

/** Image `index` of a set as a PNG, made smaller where a side is longer than `longest` pixels. */
export async function setPicture(set: ImageSet, index: number, longest = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
  const bytes = elementCount(set.shape);
  await set.supply?.hold(Uint32Array.of(index), () => new Uint32Array(0));
  const at = placeOf(set, index) * bytes;
  const pixels = set.images.subarray(at, at + bytes);
  const [height = 0, width = 0, channels = 0] = set.shape;
  const factor = longest / Math.max(height, width);
  if (factor >= 1) return encodePng(pixels, set.shape);
  const size = { height: Math.max(1, Math.round(height * factor)), width: Math.max(1, Math.round(width * factor)) };
  const resized = new Uint8Array(size.height * size.width * channels);
  new Resampler(set.shape, { ...size, fit: 'stretch', filter: 'lanczos3' }).write(pixels, resized);
  return encodePng(resized, [size.height, size.width, channels]);
}
