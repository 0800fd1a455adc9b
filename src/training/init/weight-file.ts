import { BadFile } from '../../datafiles/bad-file.js';
import { readStateDict, type StateDict, type StateDictEntry } from '../../datafiles/torch-file.js';
import { type UserError, userError } from '../../diagnostics/diagnostic.js';
import { fileFix, fileReason } from '../../files/reason.js';
import { open, readFile } from '../../platform/files.js';
import { LARGEST_HEADER, readHeaderOf, readSafetensors } from '../safetensors.js';
import { isCountType, type StoredType, Unusable } from '../safetensors-header.js';
import { isReadableType, type Tensor, targetOf } from '../safetensors-target.js';
import { otherFile } from './other-file.js';

/** Whose order of axes and of flattened features a file's tensors have. */
export const WEIGHT_LAYOUTS = ['ampc', 'torch'] as const;
export type WeightLayout = (typeof WEIGHT_LAYOUTS)[number];

export interface WeightEntry {
  readonly name: string;
  readonly dtype: StoredType;
  readonly shape: readonly number[];
}

/** A file of named tensors. */
export interface WeightFile {
  readonly path: string;
  /** In the order of the file. */
  readonly entries: readonly WeightEntry[];
  /** Undefined where the file does not say it. */
  readonly layout: WeightLayout | undefined;
  /** The part of a checkpoint that the tensors are from. */
  readonly key?: string;
  /** The tensors of these names. Throws UserError AMP7201. */
  read(names: ReadonlySet<string>): Promise<ReadonlyMap<string, Tensor>>;
}

/** Counts, indices and masks: every batch norm of PyTorch has a `num_batches_tracked`, which no result depends on. */
export function isCount({ name, dtype }: Pick<WeightEntry, 'name' | 'dtype'>): boolean {
  return isCountType(dtype) || /(^|\.)num_batches_tracked$/.test(name);
}

/** Whether numbers of this type can be weights. */
export function isFloat({ dtype }: Pick<WeightEntry, 'dtype'>): boolean {
  return isReadableType(dtype) && !isCountType(dtype);
}

function unusable(path: string, why: string): UserError {
  return userError(
    'AMP7201',
    `${path} is not a usable file of PyTorch weights`,
    why,
    'save the weights alone: in Python, torch.save(model.state_dict(), "weights.pt") or safetensors.torch.save_file',
  );
}

function toTensor(entry: StateDictEntry): Tensor {
  const bytes = entry.read();
  const target = targetOf({ ...entry, begin: 0, end: bytes.length });
  if (target === undefined) throw new BadFile(`${entry.name} is of ${entry.dtype}`);
  if (target.convert !== undefined) target.convert(bytes, 0);
  else new Uint8Array(target.data.buffer).set(bytes);
  return { shape: entry.shape, data: target.data };
}

function explained<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof BadFile || error instanceof Unusable) throw unusable(path, error.message);
    if (error instanceof RangeError) throw unusable(path, 'its tensors do not fit in memory');
    throw error;
  }
}

async function openTorch(path: string): Promise<WeightFile> {
  const bytes = await readFile(path);
  const { entries, key }: StateDict = explained(path, () => readStateDict(bytes));
  const read = (names: ReadonlySet<string>) =>
    explained(path, () => new Map(entries.filter(({ name }) => names.has(name)).map((entry) => [entry.name, toTensor(entry)])));
  return { path, entries, layout: 'torch', ...(key !== undefined && { key }), read: async (names) => read(names) };
}

/** By the metadata that ampc, and PyTorch's side of safetensors, write. */
function saidLayout(format: string | undefined): WeightLayout | undefined {
  if (format?.startsWith('ampc')) return 'ampc';
  return format === 'pt' ? 'torch' : undefined;
}

async function openSafetensors(path: string): Promise<WeightFile> {
  const { entries, metadata } = await readHeaderOf(path);
  const read = async (names: ReadonlySet<string>) => (await readSafetensors(path, { wanted: names })).tensors;
  return { path, entries, layout: saidLayout(metadata.format), read };
}

async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const head = new Uint8Array(256);
    return head.subarray(0, (await file.read(head, 0, head.length, 0)).bytesRead);
  } finally {
    await file.close();
  }
}

const ZIP = [0x50, 0x4b, 3, 4];

/** Whether a file is of torch.save: a zip archive, or a pickle. */
function isOfTorch(head: Uint8Array): boolean {
  // The length of a header of safetensors, in eight bytes, has neither in its first ones and ends with zeros.
  return head.length >= 4 && (ZIP.every((byte, index) => head[index] === byte) || (head[0] === 0x80 && head[1] === 2 && head[2] === 0x8a));
}

/** Whether a file may be safetensors, whole or damaged: the length of a header, and the brace that it begins with. */
function isOfSafetensors(head: Uint8Array): boolean {
  if (head.length < 8) return false;
  return new DataView(head.buffer, head.byteOffset).getBigUint64(0, true) <= LARGEST_HEADER || head[8] === 0x7b;
}

/**
 * The tensors of a safetensors file, or of a state dict of PyTorch (`.pt`, `.pth`), which is read without running anything of it. What a
 * file is, its first bytes say. Throws UserError AMP7201.
 */
export async function openWeights(path: string): Promise<WeightFile> {
  try {
    const head = await headOf(path);
    if (isOfTorch(head)) return await openTorch(path);
    if (!isOfSafetensors(head)) throw otherFile(path, head);
    return await openSafetensors(path);
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code !== 'string') throw error;
    throw userError('AMP7201', `cannot read ${path}`, fileReason(error), fileFix(error));
  }
}
