import { DEFAULT_SIZING, type Fit, type ImageSize } from '../../datasets/source.js';
import { notInBrowser } from '../../files/not-here.js';
import type { Shape } from '../../ir/types.js';
import { readPnm } from './pnm.js';

export const DECODER = 'browser';

type Context = OffscreenCanvasRenderingContext2D;

function canvasOf(width: number, height: number): { readonly canvas: OffscreenCanvas; readonly context: Context } {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) throw notInBrowser('a picture', 'allow this page to use canvases');
  return { canvas, context };
}

/** Where a picture comes to lie in the frame. */
function placed(fit: Fit, [w, h]: readonly [number, number], [width, height]: readonly [number, number]) {
  if (fit === 'stretch') return [0, 0, width, height] as const;
  const scale = (fit === 'crop' ? Math.max : Math.min)(width / w, height / h);
  return [(width - w * scale) / 2, (height - h * scale) / 2, w * scale, h * scale] as const;
}

/** One brightness of three, as BT.709 weighs them. */
const grey = (r: number, g: number, b: number): number => Math.round(0.2126 * r + 0.7152 * g + 0.0722 * b);

function inChannels(context: Context, [height = 0, width = 0, channels = 0]: Shape): Uint8Array {
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = new Uint8Array(width * height * channels);
  for (let at = 0; at < width * height; at += 1) {
    const [r = 0, g = 0, b = 0, a = 0] = data.subarray(4 * at, 4 * at + 4);
    const values = channels < 3 ? [grey(r, g, b), a] : [r, g, b, a];
    for (let channel = 0; channel < channels; channel += 1) pixels[at * channels + channel] = values[channel]!;
  }
  return pixels;
}

function drawn(picture: CanvasImageSource, size: readonly [number, number], shape: Shape, fit: Fit): Uint8Array {
  const [height = 0, width = 0, channels = 0] = shape;
  const { context } = canvasOf(width, height);
  context.fillStyle = fit === 'pad' ? 'black' : 'white';
  if (channels % 2 === 1) context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, ...placed(fit, size, [width, height]));
  return inChannels(context, shape);
}

function pictureOf(pixels: Uint8Array, [height = 0, width = 0, channels = 0]: Shape): OffscreenCanvas {
  const { canvas, context } = canvasOf(width, height);
  const image = context.createImageData(width, height);
  for (let at = 0; at < width * height; at += 1) {
    const [first = 0, second = first, third = first, fourth = 255] = pixels.subarray(at * channels, (at + 1) * channels);
    image.data.set(channels < 3 ? [first, first, first, channels === 2 ? second : 255] : [first, second, third, fourth], 4 * at);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** As in Node, by the browser's decoder and its way of resizing: pixels differ a little. */
export async function decodePicture(bytes: Uint8Array, shape: Shape, size?: ImageSize): Promise<Uint8Array> {
  const raw = readPnm(bytes);
  const picture = raw === undefined ? await createImageBitmap(new Blob([bytes.slice()])) : pictureOf(raw.pixels, raw.shape);
  return drawn(picture, [picture.width, picture.height], shape, (size ?? DEFAULT_SIZING).fit);
}

export async function encodePng(pixels: Uint8Array, shape: Shape): Promise<Uint8Array> {
  return new Uint8Array(await (await pictureOf(pixels, shape).convertToBlob()).arrayBuffer());
}
