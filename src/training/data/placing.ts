import type { Fit } from '../../datasets/source.js';

/** Where an image of one size comes to lie in another one: of `width` and `height`, at `left` and `top`, which may be below 0. */
export interface Placing {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
}

/** In whole pixels, which torchvision and Pillow have as well: the image is out of proportion by less than one. */
export function placing(fit: Fit, [fromHeight, fromWidth]: readonly [number, number], [height, width]: readonly [number, number]): Placing {
  if (fit === 'stretch') return { width, height, left: 0, top: 0 };
  const [across, down] = [width / fromWidth, height / fromHeight];
  const scale = fit === 'crop' ? Math.max(across, down) : Math.min(across, down);
  const sized = { width: Math.max(1, Math.round(fromWidth * scale)), height: Math.max(1, Math.round(fromHeight * scale)) };
  return { ...sized, left: (width - sized.width) >> 1, top: (height - sized.height) >> 1 };
}
