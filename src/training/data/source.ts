import type { Split } from '../../datasets/registry.js';
import type { ImageSet } from './dataset.js';
import type { FolderLayout } from './folder.js';

/** Where the files of a data set come from. */
export type Origin =
  | {
      /** A tar archive that holds the folder with its files. */
      readonly kind: 'archive';
      readonly file: string;
      readonly url: string;
      readonly md5: string;
      /** Bytes. */
      readonly size: number;
      /** Environment variable that names another address of the same file. */
      readonly mirror: string;
    }
  | {
      /** The files of the folder, each below one address. */
      readonly kind: 'files';
      readonly url: string;
      readonly files: readonly { readonly file: string; readonly md5: string; readonly size: number }[];
      readonly mirror: string;
    }
  | {
      /** Made by ampc, to the same bytes everywhere; `encode` gives the one file of a split. */
      readonly kind: 'generated';
      readonly generate: (split: Split) => ImageSet;
      readonly encode: (images: ImageSet) => Uint8Array;
    };

/** How a data set comes into the data folder, and from there into memory. */
export interface DatasetSource extends FolderLayout {
  readonly origin: Origin;
  /** Further forms in which the same set is published. */
  readonly others?: readonly FolderLayout[];
  /** Names of .tar.gz files in the data folder that hold one of these folders, and are read as they are. */
  readonly archives?: readonly string[];
}
