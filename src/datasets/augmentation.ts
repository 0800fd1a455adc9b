/** How training images are changed on their way into a batch, each by random numbers of its own. */
export type Augmentation =
  /** Mirrored left to right with probability one half. */
  | { readonly kind: 'flip' }
  /** Padded with `padding` pixels of zeros on each side, of which a random window of the image's size is kept. */
  | { readonly kind: 'crop'; readonly padding: number }
  /** Joined with another image, the weights from Beta(alpha, alpha) (Zhang et al. 2018), with a probability. */
  | { readonly kind: 'mixup'; readonly alpha: number; readonly probability: number }
  /** A window of it replaced by that of another image, the rest's share from Beta(alpha, alpha) (Yun et al. 2019), with a probability. */
  | { readonly kind: 'cutmix'; readonly alpha: number; readonly probability: number };

/** Whether images are joined with others: what each is to be is then no single label. */
export function mixesImages(augmentations: readonly Augmentation[]): boolean {
  return augmentations.some(({ kind }) => kind === 'mixup' || kind === 'cutmix');
}

/** How another image is joined with an image, when both are changed as their own draws say. */
export interface ImageMix {
  /** Number of the other image. */
  readonly other: number;
  /** What of the image's own pixels is kept in the window, of 65536. */
  readonly kept: number;
  /** The window: rows from `top` to before `bottom`, columns from `left` to before `right`. */
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
  /** Of the image's own label, f32; the other's has the rest. */
  readonly share: number;
}

/**
 * What can be changed of an image: where its window starts, in pixels down and to the right of the image's corner, zero where it leaves the
 * image; then, where the number is odd, the window is mirrored left to right.
 */
export const IMAGE_CHANGES = ['down', 'right', 'mirrored'] as const;
export type ImageChange = (typeof IMAGE_CHANGES)[number];

/**
 * A random whole number that is added to a change: `least` to `least + choices - 1`, each about equally likely. It is made of `bits` bits,
 * from bit `from` on, of one of the two words that Threefry gives for an image of an epoch. Of those words no bit serves two draws.
 */
export interface Draw {
  readonly of: ImageChange;
  readonly word: 0 | 1;
  readonly from: number;
  readonly bits: number;
  readonly least: number;
  /** At most 2^(32 - bits). */
  readonly choices: number;
}

type DrawsOf<Kind> = (augmentation: Extract<Augmentation, { readonly kind: Kind }>) => readonly Draw[];

const DRAWS = {
  mixup: () => [],
  cutmix: () => [],
  flip: () => [{ of: 'mirrored', word: 0, from: 31, bits: 1, least: 0, choices: 2 }],
  crop: ({ padding }) => {
    const shift = { word: 1, bits: 16, least: -padding, choices: 2 * padding + 1 } as const;
    return [
      { ...shift, of: 'down', from: 0 },
      { ...shift, of: 'right', from: 16 },
    ];
  },
} satisfies { readonly [Kind in Augmentation['kind']]: DrawsOf<Kind> };

/** Everything that a list of augmentations draws for an image. */
export function drawsOf(augmentations: readonly Augmentation[]): readonly Draw[] {
  return augmentations.flatMap((augmentation) => (DRAWS[augmentation.kind] as DrawsOf<Augmentation['kind']>)(augmentation));
}

/** The sums of what is drawn from an image's two words (unsigned, 32 bits). */
export function drawChanges(draws: readonly Draw[], words: readonly [number, number]): Readonly<Record<ImageChange, number>> {
  const changes = { down: 0, right: 0, mirrored: 0 };
  for (const { of, word, from, bits, least, choices } of draws) {
    const drawn = (words[word] >>> from) & (2 ** bits - 1);
    changes[of] += ((drawn * choices) >>> bits) + least;
  }
  return changes;
}
