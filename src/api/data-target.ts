import { DATASET_NAMES, DATASETS, type DatasetName, isDatasetName } from '../datasets/registry.js';
import { DEFAULT_SIZING, type FileSource } from '../datasets/source.js';
import { userError } from '../diagnostics/diagnostic.js';
import { readSource } from '../files/source.js';
import { reading } from '../files/system-error.js';
import type { DatasetSpec } from '../ir/program.js';
import { lowerProgram } from '../lower/lower.js';
import { existsSync, readdir, stat } from '../platform/files.js';
import { extname, join } from '../platform/path.js';
import { findPlace } from '../training/data/load.js';
import { isWritten, lowerWritten, unreadable } from './written-data.js';

/** Of a path: the side that pictures are brought to, and the share that is for testing. */
export interface TargetOptions {
  readonly size?: number | undefined;
  readonly split?: number | undefined;
}

const IDX_FILE = /idx\d-ubyte(\.gz)?$/;

/** What lies at a path. Throws UserError AMP7022 where it is nothing that a data set can be made of. */
async function sourceAt(path: string): Promise<FileSource> {
  // A pattern names files that lie somewhere else than at its own path.
  if (extname(path) === '.parquet') return { kind: 'parquet', path, channels: 3 };
  const found = await reading(path, stat(path));
  const names = found.isDirectory() ? await readdir(path) : [];
  const inner = names.includes('data') ? await readdir(join(path, 'data')).catch(() => []) : [];
  if ([...names, ...inner].some((name) => name.endsWith('.parquet'))) return { kind: 'parquet', path, channels: 3 };
  if (names.some((name) => IDX_FILE.test(name))) return { kind: 'idx', path };
  if (names.some((name) => name.endsWith('.npy')) || extname(path) === '.npz') return { kind: 'npz', path };
  if (found.isDirectory()) return { kind: 'folder', path, channels: 3 };
  if (extname(path) === '.csv') return { kind: 'csv', path, channels: 3 };
  throw userError(
    'AMP7022',
    `${path} is no data set`,
    undefined,
    'give the name of one, a .amp file, a folder, a .npz, .csv or .parquet file, or what a file would say: folder("photos")',
  );
}

/** The name of the data set that lies at a path in one of its published forms. IDX files may be those of any: they are read as they are. */
export async function publishedAt(path: string): Promise<DatasetName | undefined> {
  if (isDatasetName(path) || path.endsWith('.amp') || (await stat(path).catch(() => undefined)) === undefined) return undefined;
  const names = await readdir(path).catch(() => []);
  if (names.some((name) => IDX_FILE.test(name))) return undefined;
  for (const name of DATASET_NAMES) {
    // A file is no folder with files; it may be an archive.
    const found = await findPlace(name, path).catch(() => undefined);
    if (found?.place !== undefined) return name;
  }
  return undefined;
}

const DEFAULT_SIDE = 64;

/** What a `dataset` section would say whose source is written as a file has it; pictures are brought to a size in any case. */
function writtenSpec(target: string, { size, split }: TargetOptions): DatasetSpec {
  const divided = split === undefined ? '' : ` split(test: ${split})`;
  const at = (side: number): DatasetSpec => lowerWritten('data', target, `size(${side})${divided}`).spec;
  try {
    return size === undefined ? lowerWritten('data', target, divided).spec : at(size);
  } catch (error) {
    if (size !== undefined) throw unreadable(error);
  }
  try {
    return at(DEFAULT_SIDE);
  } catch (error) {
    throw unreadable(error);
  }
}

/** What a `dataset` section with nothing but the source would say. */
export async function specOf(target: string, { size, split }: TargetOptions): Promise<DatasetSpec> {
  const rest = { mean: [0], std: [1], augment: [], ...(split !== undefined && { split: { test: split } }) };
  if (isDatasetName(target)) return { name: target, source: { kind: 'known', name: target }, image: DATASETS[target].image, ...rest };
  if (target.endsWith('.amp')) return lowerProgram(await readSource(target), { images: 0 }).recipe.dataset;
  if (isWritten(target) && !existsSync(target)) return writtenSpec(target, { size, split });
  const source = await sourceAt(target);
  const isPictures = 'channels' in source;
  const side = size ?? (isPictures ? DEFAULT_SIDE : undefined);
  const sized = side === undefined ? {} : { size: { height: side, width: side, ...DEFAULT_SIZING } };
  // The size that arrays have is found when they are read.
  return { name: target, source, image: [side ?? 0, side ?? 0, 3], ...sized, ...rest };
}
