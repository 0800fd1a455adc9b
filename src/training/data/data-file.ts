import { badFile, naming } from '../../datafiles/bad-file.js';
import { fileSize, reading } from '../../files/system-error.js';
import { readFile } from '../../platform/files.js';
import { gunzip } from '../../platform/zip.js';

/** A file of a data set: on disk, packed or not, or in an archive. */
export interface DataFile {
  /** For messages. */
  readonly path: string;
  /** Bytes when unpacked. Throws as `bytes`. */
  size(): Promise<number>;
  /** Throws UserError AMP6110 for what the system refuses, AMP7020 for a damaged packing. */
  bytes(): Promise<Uint8Array>;
}

/** Far above any file of the data sets that are known; what unpacks to more is no such file. */
const MOST_UNPACKED = 2 ** 31;

/** What `read` makes of a file's bytes. Throws UserError AMP7020 where it throws BadFile. */
export async function parsing<T>(file: DataFile, read: (bytes: Uint8Array) => T): Promise<T> {
  const bytes = await file.bytes();
  return naming(file.path, () => read(bytes));
}

/** A file on disk; one whose name ends with `.gz` is unpacked. */
export function fileOnDisk(path: string): DataFile {
  if (!path.endsWith('.gz')) return { path, size: () => fileSize(path), bytes: () => reading(path, readFile(path)) };
  const bytes = async (): Promise<Uint8Array> => {
    const packed = await reading(path, readFile(path));
    try {
      return gunzip(packed, MOST_UNPACKED);
    } catch (error) {
      throw badFile(path, `it cannot be unpacked: ${(error as Error).message}`);
    }
  };
  return { path, size: async () => (await bytes()).length, bytes };
}
