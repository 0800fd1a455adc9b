export type Split = 'train' | 'test';

/** What is known of a data set without looking at its files. How it is fetched and read stands in src/training/data. */
export interface DatasetInfo {
  readonly doc: string;
  /** Height, width, channels. */
  readonly image: readonly [height: number, width: number, channels: number];
  readonly classes: number;
  /** By label. Left out: a file of the data set has them. */
  readonly classNames?: readonly string[];
  /** Images as published; a folder may hold fewer, of somebody's own. */
  readonly images: Readonly<Record<Split, number>>;
}

/** Classes of the data set `shapes`, by label. */
export const SHAPE_CLASSES = ['circle', 'square', 'triangle', 'star', 'ring', 'cross', 'heart', 'crescent', 'arrow', 'hourglass'] as const;
/** Rows and columns of `shapes` where nothing else is said. */
export const SHAPES_SIDE = 32;
export type ShapeClass = (typeof SHAPE_CLASSES)[number];

const KNOWN = {
  cifar10: {
    doc: '60,000 colour photographs of 10 kinds of things (Krizhevsky 2009)',
    image: [32, 32, 3],
    classes: 10,
    images: { train: 50_000, test: 10_000 },
  },
  cifar100: {
    doc: '60,000 colour photographs of 100 kinds of things (Krizhevsky 2009)',
    image: [32, 32, 3],
    classes: 100,
    images: { train: 50_000, test: 10_000 },
  },
  cifar100_coarse: {
    doc: 'the photographs of `cifar100` in its 20 groups of kinds',
    image: [32, 32, 3],
    classes: 20,
    images: { train: 50_000, test: 10_000 },
  },
  mnist: {
    doc: '70,000 handwritten digits in grey (LeCun et al. 1998)',
    image: [28, 28, 1],
    classes: 10,
    classNames: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    images: { train: 60_000, test: 10_000 },
  },
  fashion_mnist: {
    doc: '70,000 pictures of 10 kinds of clothes in grey (Xiao et al. 2017)',
    image: [28, 28, 1],
    classes: 10,
    classNames: ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot'],
    images: { train: 60_000, test: 10_000 },
  },
  shapes: {
    doc: '10 kinds of drawn shapes, made on the spot, also as `shapes(size: 224)`: needs no download',
    image: [SHAPES_SIDE, SHAPES_SIDE, 3],
    classes: SHAPE_CLASSES.length,
    classNames: SHAPE_CLASSES,
    images: { train: 10_000, test: 2_000 },
  },
} as const satisfies Readonly<Record<string, DatasetInfo>>;

/** Every data set that a `.amp` file can name. */
export type DatasetName = keyof typeof KNOWN;

export const DATASETS: Readonly<Record<DatasetName, DatasetInfo>> = KNOWN;

export const DATASET_NAMES = Object.keys(KNOWN) as readonly DatasetName[];

/** The data set of a file that names none. */
export const DEFAULT_DATASET: DatasetName = 'cifar10';

export function isDatasetName(name: string): name is DatasetName {
  return Object.hasOwn(KNOWN, name);
}
