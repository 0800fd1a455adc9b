import type { Augmentation, ImageMix } from '../../datasets/augmentation.js';
import { betaQuantiles } from '../../random/beta.js';
import { fnv1a32, threefry2x32 } from '../../random/threefry.js';

type Mixing = Extract<Augmentation, { readonly kind: 'mixup' | 'cutmix' }>;

const MIX = fnv1a32('mix');
const CUT = fnv1a32('cut');
const WHOLE = 2 ** 16;

function isMixing(augmentation: Augmentation): augmentation is Mixing {
  return augmentation.kind === 'mixup' || augmentation.kind === 'cutmix';
}

/** A whole number below `count`, by a random word of 32 bits. */
const below = (word: number, count: number): number => Math.floor((word * count) / 2 ** 32);

/** How images are joined with others, by what is drawn for each image of an epoch. */
export class Mixer {
  private readonly kinds: readonly { readonly mixing: Mixing; readonly quantile: (share: number) => number }[];

  private constructor(
    mixings: readonly Mixing[],
    private readonly seed: number,
    private readonly height: number,
    private readonly width: number,
  ) {
    this.kinds = mixings.map((mixing) => ({ mixing, quantile: betaQuantiles(mixing.alpha) }));
  }

  /** Undefined where nothing is mixed. */
  static of(augment: readonly Augmentation[], seed: number, [height = 0, width = 0]: readonly number[]): Mixer | undefined {
    const mixings = augment.filter(isMixing);
    return mixings.length === 0 ? undefined : new Mixer(mixings, seed, height, width);
  }

  /** Of image `number` of epoch `epoch`, with image `other`. Of several ways each image takes one, all equally likely. */
  mix(number: number, other: number, epoch: number): ImageMix {
    const [choice, word] = threefry2x32(this.seed, MIX, number, epoch);
    const { mixing, quantile } = this.kinds[below(choice, this.kinds.length)]!;
    // What is left of the word that chose.
    const chance = ((choice * this.kinds.length) % 2 ** 32) / 2 ** 32;
    const none = { other, kept: WHOLE, top: 0, left: 0, bottom: 0, right: 0, share: 1 };
    if (chance >= mixing.probability) return none;
    const share = quantile((word + 0.5) / 2 ** 32);
    if (mixing.kind === 'cutmix') return this.cut(number, other, epoch, share);
    const kept = Math.round(share * WHOLE);
    return { other, kept, top: 0, left: 0, bottom: this.height, right: this.width, share: kept / WHOLE };
  }

  /** A window about a random place, of 1 - share of the image or what of that lies in it, as torchvision's CutMix. */
  private cut(number: number, other: number, epoch: number, share: number): ImageMix {
    const { height, width } = this;
    const [down, right] = threefry2x32(this.seed, CUT, number, epoch);
    const [y, x] = [below(down, height), below(right, width)];
    const ratio = 0.5 * Math.sqrt(1 - share);
    const [half, halfWidth] = [Math.floor(ratio * height), Math.floor(ratio * width)];
    const window = {
      top: Math.max(0, y - half),
      left: Math.max(0, x - halfWidth),
      bottom: Math.min(height, y + half),
      right: Math.min(width, x + halfWidth),
    };
    const pixels = (window.bottom - window.top) * (window.right - window.left);
    return { other, kept: 0, ...window, share: Math.fround(1 - pixels / (height * width)) };
  }
}

/** Writes of an image what it is to be: the shares of its label and of the other's, 0 of all other classes; all 0 without a label. */
export function writeTarget(row: Float32Array, label: number, other: number, share: number): void {
  row.fill(0);
  if (label < 0) return;
  row[label] = share;
  row[other] = row[other]! + Math.fround(1 - share);
}

/** Joins the pixels of another image with those of an image, of `width` pixels of `channels` bytes a row. */
export function blend(image: Uint8Array, other: Uint8Array, width: number, channels: number, mix: ImageMix): void {
  const { kept, top, left, bottom, right } = mix;
  for (let y = top; y < bottom; y++) {
    const end = (y * width + right) * channels;
    for (let at = (y * width + left) * channels; at < end; at++)
      image[at] = (image[at]! * kept + other[at]! * (WHOLE - kept) + WHOLE / 2) >>> 16;
  }
}
