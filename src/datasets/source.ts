import type { DatasetName, Split } from './registry.js';

/** Where the images of a data set come from. A `path` is as the file has it: relative to the folder of the `.amp` file. */
export type DataSource =
  | { readonly kind: 'known'; readonly name: DatasetName }
  /** The data set `shapes` drawn at another size, or in another number of training images. */
  | { readonly kind: 'drawn'; readonly side: number; readonly images: Readonly<Record<Split, number>> }
  /** Class subfolders of pictures, decoded to so many channels: grey, grey with alpha, colour, colour with alpha. */
  | { readonly kind: 'folder'; readonly path: string; readonly channels: number }
  /** The same, listed in a file with columns. */
  | { readonly kind: 'csv'; readonly path: string; readonly channels: number }
  /** The same as rows of Parquet files: one, all below a folder, or those of a pattern. The columns: by their usual names, unless named. */
  | {
      readonly kind: 'parquet';
      readonly path: string;
      readonly channels: number;
      readonly image?: string | undefined;
      readonly label?: string | undefined;
    }
  /** Arrays of numpy: bytes and labels. */
  | { readonly kind: 'npz'; readonly path: string }
  /** A folder with IDX files. */
  | { readonly kind: 'idx'; readonly path: string };

/** A source that a path names. */
export type FileSource = Exclude<DataSource, { readonly kind: 'known' | 'drawn' }>;

/** Whether a source is files of somebody's own. */
export function isOfFiles(source: DataSource): source is FileSource {
  return source.kind !== 'known' && source.kind !== 'drawn';
}

export const FITS = ['crop', 'pad', 'stretch'] as const;
/** How an image of other proportions comes to its size: cut around the centre, between black edges, or out of proportion. */
export type Fit = (typeof FITS)[number];

/** Kernels by which images are resized, by the names that sharp has for them; all but `nearest` are widened when an image shrinks. */
export const FILTERS = ['nearest', 'linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'] as const;
export type Filter = (typeof FILTERS)[number];

/** The size in pixels that all images are brought to. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly fit: Fit;
  readonly filter: Filter;
}

/** How pictures that have no size are brought to one, where nothing else is said: what `predict` does with pictures too. */
export const DEFAULT_SIZING = { fit: 'crop', filter: 'lanczos3' } as const satisfies Partial<ImageSize>;

/** What of a source is for testing, where it does not say so itself: this share, chosen by the names of the files. */
export interface DataSplit {
  readonly test: number;
}

/** By channel, in units of the 0..1 range. */
export interface Statistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Of ImageNet's training images, as torchvision's pretrained models take them. */
export const IMAGENET_STATISTICS: Statistics = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** What has to be known of a data set's files before a model can be read that follows them. */
export interface DataFacts {
  /** Names of the classes, by label. */
  readonly classes: readonly string[];
  readonly images: Readonly<Record<Split, number>>;
  /** Height, width and channels, where all images have the same. */
  readonly image?: readonly [height: number, width: number, channels: number];
  /** Of the training images as they are fed, where the file has them measured. */
  readonly statistics?: Statistics;
}
