import type { ImageSet } from './dataset.js';

/** Mirrors rows of 4k RGB pixels in place, twelve bytes (four pixels, three words) from either end at a time. */
export function flipRgbWords(words: Uint32Array, from: number, rows: number, rowWords: number): void {
  for (let row = from; row < from + rows * rowWords; row += rowWords) {
    for (let left = row, right = row + rowWords - 3; left <= right; left += 3, right -= 3) {
      // Little-endian: a = R0 G0 B0 R1, b = G1 B1 R2 G2, c = B2 R3 G3 B3.
      const a = words[left];
      const b = words[left + 1];
      const c = words[left + 2];
      const d = words[right];
      const e = words[right + 1];
      const f = words[right + 2];
      words[right] = (c >>> 8) | ((b & 0xff0000) << 8);
      words[right + 1] = (b >>> 24) | ((c & 0xff) << 8) | ((a >>> 24) << 16) | (b << 24);
      words[right + 2] = ((b >>> 8) & 0xff) | (a << 8);
      words[left] = (f >>> 8) | ((e & 0xff0000) << 8);
      words[left + 1] = (e >>> 24) | ((f & 0xff) << 8) | ((d >>> 24) << 16) | (e << 24);
      words[left + 2] = ((e >>> 8) & 0xff) | (d << 8);
    }
  }
}

/** Mirrors rows of pixels in place. */
export function flipPixels(bytes: Uint8Array, from: number, rows: number, width: number, channels: number): void {
  for (let row = from; row < from + rows * width * channels; row += width * channels) {
    for (let left = row, right = row + (width - 1) * channels; left < right; left += channels, right -= channels) {
      for (let channel = 0; channel < channels; channel++) {
        const kept = bytes[left + channel];
        bytes[left + channel] = bytes[right + channel];
        bytes[right + channel] = kept;
      }
    }
  }
}

/** Turns an image upside down in place. */
export function upend(bytes: Uint8Array, from: number, rows: number, rowBytes: number): void {
  const kept = bytes.slice(from, from + rows * rowBytes);
  for (let row = 0; row < rows; row++) bytes.set(kept.subarray(row * rowBytes, (row + 1) * rowBytes), from + (rows - 1 - row) * rowBytes);
}

/** A place of an image that goes on as its reflection at the edge pixels, as often as it takes. */
function reflected(place: number, size: number): number {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const at = ((place % period) + period) % period;
  return at < size ? at : period - at;
}

/** The window that starts (down, right) pixels into the image at a byte, which goes on as its reflection. */
export function copyReflected({ images, shape }: ImageSet, from: number, to: Uint8Array, at: number, down: number, right: number): void {
  const [height = 0, width = 0, channels = 0] = shape;
  for (let y = 0, out = at; y < height; y++) {
    const row = from + reflected(y + down, height) * width * channels;
    for (let x = 0; x < width; x++, out += channels) {
      const pixel = row + reflected(x + right, width) * channels;
      for (let channel = 0; channel < channels; channel++) to[out + channel] = images[pixel + channel]!;
    }
  }
}
