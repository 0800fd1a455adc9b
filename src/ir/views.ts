/** What of an image is looked at, and averaged, where a model is evaluated. */
export interface ViewsSpec {
  readonly kind: 'average';
  /** Each view also mirrored, left to right. */
  readonly flip: boolean;
  /** Also moved by so many pixels, down and right, and up and left; 0: not. */
  readonly translate: number;
}

/** A view of an image: by how many pixels its window lies below and right of the image's, and whether it is mirrored. */
export interface View {
  readonly shift: number;
  readonly flipped: boolean;
  /** What it counts; those of all views add up to 1. */
  readonly share: number;
}

/** The image itself first. With `translate` it counts half, and its two moved forms a quarter each. */
export function viewsOf({ flip, translate }: ViewsSpec): readonly View[] {
  const shifts =
    translate === 0 ? [{ shift: 0, share: 1 }] : [0, -translate, translate].map((shift) => ({ shift, share: shift === 0 ? 0.5 : 0.25 }));
  const sides = flip ? [false, true] : [false];
  return shifts.flatMap(({ shift, share }) => sides.map((flipped) => ({ shift, flipped, share: share / sides.length })));
}
