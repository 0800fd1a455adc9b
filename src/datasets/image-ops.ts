import type { Augmentation, ImageOperation } from './augmentation.js';

/**
 * What is done to the pixels of an image, each with up to six whole numbers. Of positions, factors and angles nothing is left to compute
 * but in whole numbers, so that every implementation gives the same bytes.
 */
export const PRIMITIVES = [
  'identity',
  /** a, b, tx, c, d, ty in 1/65536: where a pixel comes from, about the centre; bilinear, blank outside. */
  'affine',
  /** A factor in 1/65536: of the values, of their distance to the mean grey, to the pixel's grey, to the smoothed image. */
  'brightness',
  'contrast',
  'saturation',
  'sharpness',
  /** How far the hue is turned, in 1/65536 of a sixth of the circle of HSV, below the whole circle. */
  'hue',
  /** A mask of the bits that stay. */
  'posterize',
  /** Values from this one on are inverted. */
  'solarize',
  'autocontrast',
  'equalize',
  'grayscale',
  /** Height and width of a rectangle within the image. */
  'erase',
  /** Side of a square around any pixel. */
  'cutout',
  /** Height and width of a window within the image, which becomes the image; bilinear. */
  'window',
] as const;
export type Primitive = (typeof PRIMITIVES)[number];

/** One way to change an image. */
export interface ImageRow {
  readonly primitive: Primitive;
  readonly numbers: readonly number[];
}

/** One of the rows, all equally likely, with the probability `chance` / 65536. */
export interface ImageOp {
  /** Names its random numbers: two words of Threefry for each image and epoch. */
  readonly stream: string;
  readonly chance: number;
  readonly rows: readonly ImageRow[];
  /** How many ops, from this one on, are carried out in an order that is drawn for each image: 1, or at most MOST_TOGETHER. */
  readonly together: number;
}

export const MOST_TOGETHER = 4;

const ONE = 0x1_0000;
const ALWAYS = ONE;
/** Strengths of rand_augment and trivial_augment. */
const BINS = 31;

const fixed = (value: number): number => Math.round(value * ONE);
const row = (primitive: Primitive, ...numbers: readonly number[]): ImageRow => ({ primitive, numbers });
/** Along x by `x` pixels for each pixel down, along y by `y` for each to the right, about the image's upper left corner. */
const shear = ([height, width]: Size, x: number, y: number): ImageRow =>
  row('affine', ONE, fixed(x), fixed((x * height) / 2), fixed(y), ONE, fixed((y * width) / 2));
/** Against the clock. */
const rotation = (degrees: number): ImageRow => {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)].map(fixed) as [number, number];
  return row('affine', cos, -sin, 0, sin, cos, 0);
};

/** `count` values spread evenly from `low` to `high`, each in the middle of its part. */
function spread(count: number, low: number, high: number): number[] {
  return Array.from({ length: count }, (_, i) => low + ((high - low) * (i + 0.5)) / count);
}

/** By a share of the circle. */
const turnedHue = (share: number): ImageRow => row('hue', (fixed(6 * share) + 6 * ONE) % (6 * ONE));

function factors(primitive: Primitive, most: number): readonly ImageRow[] {
  return spread(256, Math.max(0, 1 - most), 1 + most).map((factor) => row(primitive, fixed(factor)));
}

/** Heights and widths of rectangles: shares of the area, spread evenly, and ratios of the sides, spread evenly by their logarithm. */
function rectangles(primitive: Primitive, [height, width]: Size, least: number, most: number, ratio: number): readonly ImageRow[] {
  const shares = spread(32, least, most);
  const ratios = spread(32, -Math.log(ratio), Math.log(ratio)).map(Math.exp);
  const within = (value: number, limit: number): number => Math.min(limit, Math.max(1, Math.round(value)));
  return shares.flatMap((share) =>
    ratios.map((of) => {
      const area = share * height * width;
      return row(primitive, within(Math.sqrt(area / of), height), within(Math.sqrt(area * of), width));
    }),
  );
}

type Size = readonly [height: number, width: number];

/** How strong each of the 14 changes is at its strongest, and the fewest bits that posterize leaves. */
interface Space {
  readonly shear: number;
  readonly translate: (size: number) => number;
  readonly degrees: number;
  readonly factor: number;
  readonly bits: number;
}

const RAND_AUGMENT: Space = { shear: 0.3, translate: (size) => (size * 150) / 331, degrees: 30, factor: 0.9, bits: 4 };
const TRIVIAL_AUGMENT: Space = { shear: 0.99, translate: () => 32, degrees: 135, factor: 0.99, bits: 6 };

/** As torch.linspace on the CPU: in f32, from both ends towards the middle, so that whole numbers are cut off where they are there. */
function linspace(low: number, high: number, count: number, index: number): number {
  const step = Math.fround((high - low) / (count - 1));
  return index < Math.floor(count / 2) ? Math.fround(low + step * index) : Math.fround(high - step * (count - 1 - index));
}

/** The 14 changes at one strength, each as often as any other: those with a sign once with each. */
function fourteen({ shear: most, translate, degrees, factor, bits }: Space, bin: number, size: Size): ImageRow[] {
  const [height, width] = size;
  const mask = 0xff & ~(2 ** Math.round((bin * bits) / (BINS - 1)) - 1);
  const signed = (strongest: number, make: (strength: number) => ImageRow): ImageRow[] => {
    const strength = linspace(0, strongest, BINS, bin);
    return [make(strength), make(-strength)];
  };
  const twice = (one: ImageRow): ImageRow[] => [one, one];
  return [
    twice(row('identity')),
    signed(most, (by) => shear(size, by, 0)),
    signed(most, (by) => shear(size, 0, by)),
    signed(translate(width), (by) => row('affine', ONE, 0, fixed(-Math.trunc(by)), 0, ONE, 0)),
    signed(translate(height), (by) => row('affine', ONE, 0, 0, 0, ONE, fixed(-Math.trunc(by)))),
    signed(degrees, rotation),
    signed(factor, (by) => row('brightness', fixed(1 + by))),
    signed(factor, (by) => row('saturation', fixed(1 + by))),
    signed(factor, (by) => row('contrast', fixed(1 + by))),
    signed(factor, (by) => row('sharpness', fixed(1 + by))),
    twice(row('posterize', mask)),
    twice(row('solarize', Math.ceil(linspace(255, 0, BINS, bin)))),
    twice(row('autocontrast')),
    twice(row('equalize')),
  ].flat();
}

type TablesOf<Kind> = (operation: Extract<ImageOperation, { readonly kind: Kind }>, size: Size) => readonly Omit<ImageOp, 'stream'>[];

const always = (rows: readonly ImageRow[]) => ({ chance: ALWAYS, rows, together: 1 });
const sometimes = (p: number, rows: readonly ImageRow[]) => ({ chance: fixed(p), rows, together: 1 });

function inAnyOrder(tables: readonly Omit<ImageOp, 'stream'>[]): readonly Omit<ImageOp, 'stream'>[] {
  return tables.map((table, i) => ({ ...table, together: i === 0 ? tables.length : 1 }));
}

const TABLES = {
  random_resized_crop: ({ scale, ratio }, size) => [always(rectangles('window', size, scale, 1, ratio))],
  rotate: ({ degrees }) => [always(spread(255, -degrees, degrees).map(rotation))],
  color_jitter: ({ brightness, contrast, saturation, hue }) =>
    inAnyOrder([
      always(factors('brightness', brightness)),
      always(factors('contrast', contrast)),
      always(factors('saturation', saturation)),
      ...(hue === undefined ? [] : [always(spread(256, -hue, hue).map(turnedHue))]),
    ]),
  grayscale: ({ p }) => [sometimes(p, [row('grayscale')])],
  auto_contrast: ({ p }) => [sometimes(p, [row('autocontrast')])],
  rand_augment: ({ n, magnitude }, size) => Array.from({ length: n }, () => always(fourteen(RAND_AUGMENT, magnitude, size))),
  trivial_augment: (_, size) => [always(Array.from({ length: BINS }, (_none, bin) => fourteen(TRIVIAL_AUGMENT, bin, size)).flat())],
  cutout: ({ size }) => [always([row('cutout', size)])],
  random_erasing: ({ p }, size) => [sometimes(p, rectangles('erase', size, 0.02, 0.33, 3.3))],
} satisfies { readonly [Kind in ImageOperation['kind']]: TablesOf<Kind> };

function isOperation(augmentation: Augmentation): augmentation is ImageOperation {
  return Object.hasOwn(TABLES, augmentation.kind);
}

/** What augmentations do to the pixels of images of a size, one after the other. */
export function imageOps(augmentations: readonly Augmentation[], size: Size): readonly ImageOp[] {
  return augmentations.filter(isOperation).flatMap((operation) =>
    (TABLES[operation.kind] as TablesOf<ImageOperation['kind']>)(operation, size).map((table, i) => ({
      ...table,
      stream: `augment.${operation.kind}.${i}`,
    })),
  );
}

/**
 * The order in which ops that stand together are carried out, each equally likely, by the words of the first of them, which must draw no
 * place from the second. The choices that it consists of are the digits of one number: first of all, then of those that are left.
 */
export function drawOrder(together: number, [, second]: readonly [number, number]): readonly number[] {
  const left = Array.from({ length: together }, (_, i) => i);
  const orders = left.reduce((product, i) => product * (i + 1), 1);
  let drawn = Math.floor(((second >>> 16) * orders) / ONE);
  return Array.from({ length: together }, () => {
    const choice = drawn % left.length;
    drawn = Math.floor(drawn / left.length);
    return left.splice(choice, 1)[0]!;
  });
}

/** How one image is changed by an op: the row, and two numbers of 16 bits that places are drawn from. Undefined: it is left as it is. */
export function drawRow(
  { chance, rows }: Pick<ImageOp, 'chance' | 'rows'>,
  [first, second]: readonly [number, number],
): { readonly row: ImageRow; readonly down: number; readonly right: number } | undefined {
  if ((first & 0xffff) >= chance) return undefined;
  return { row: rows[Math.floor(((first >>> 16) * rows.length) / ONE)]!, down: second & 0xffff, right: second >>> 16 };
}
