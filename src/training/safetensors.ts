import { type UserError, userError } from '../diagnostics/diagnostic.js';
import { fileFix, fileReason } from '../files/reason.js';
import { replaceFileWith, writeAll } from '../files/replace-file.js';
import { elementCount } from '../ir/types.js';
import { formatBytes } from '../numeric/bytes.js';
import { type FileHandle, open } from '../platform/files.js';
import { createHash } from '../platform/hash.js';
import { damaged, type Entry, type Header, parseHeader, Unusable } from './safetensors-header.js';
import { type Tensor, targetOf } from './safetensors-target.js';

export type { Tensor } from './safetensors-target.js';

export interface TensorFile {
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Entries that were not read: of a name that was not wanted, or of a type that is neither f32 nor i32 nor a float that becomes one. */
  readonly others: ReadonlyMap<string, Pick<Entry, 'dtype' | 'shape'>>;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ReadOptions {
  /** Names whose data is read; default: all. */
  readonly wanted?: ReadonlySet<string>;
  /** Bytes read at once, a multiple of 8. */
  readonly piece?: number;
}

/** The limit of the reference implementation. */
export const LARGEST_HEADER = 100_000_000;
const CHECKSUM_KEY = 'sha256';
const NO_CHECKSUM = '0'.repeat(64);
const SPACE = 0x20;
const ZERO = 0x30;

/** Bytes that are read or hashed at once: no call takes 2 GiB, and timers and signals get their turn. */
const PIECE = 1 << 24;

function* piecesOf({ buffer, byteOffset, byteLength }: Tensor['data'], size: number): Generator<Uint8Array> {
  for (let at = 0; at < byteLength; at += size) yield new Uint8Array(buffer, byteOffset + at, Math.min(size, byteLength - at));
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView => new DataView(buffer, byteOffset, byteLength);

/** The place of a checksum's digits in a header's bytes; undefined where it has no such checksum. */
function placeOfChecksum(header: Uint8Array, digits: string): number | undefined {
  const entry = new TextEncoder().encode(`"${CHECKSUM_KEY}":"${digits}"`);
  for (let at = header.indexOf(entry[0]!); at >= 0; at = header.indexOf(entry[0]!, at + 1))
    if (entry.every((byte, index) => header[at + index] === byte)) return at + CHECKSUM_KEY.length + 4;
  return undefined;
}

/** The header with a checksum of zeros. */
function encodeHeader(tensors: ReadonlyMap<string, Tensor>, metadata: Readonly<Record<string, string>>): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: { ...metadata, [CHECKSUM_KEY]: NO_CHECKSUM } };
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    if (data.length !== elementCount(shape)) throw new Error(`${name}: ${data.length} values for shape [${shape.join(',')}]`);
    header[name] = { dtype: data instanceof Int32Array ? 'I32' : 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(SPACE);
  viewOf(padded).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(json, 8);
  return padded;
}

/**
 * Writes a safetensors file in one atomic replacement, straight from the tensors' own memory. Metadata gains a `sha256` of the whole file
 * (computed with the checksum's own digits as zeros), so that a flipped bit anywhere is found when the file is read. Throws the system's
 * error.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const header = encodeHeader(tensors, metadata);
  await replaceFileWith(path, async (file) => {
    const hash = createHash('sha256').update(header);
    let at = header.length;
    for (const { data } of tensors.values()) {
      for (const piece of piecesOf(data, PIECE)) {
        const writing = writeAll(file, piece, at);
        hash.update(piece);
        await writing;
        at += piece.length;
      }
    }
    header.set(new TextEncoder().encode(hash.digest('hex')), placeOfChecksum(header, NO_CHECKSUM));
    await writeAll(file, header, 0);
  });
}

async function readInto(file: FileHandle, target: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const { bytesRead } = await file.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) damaged('it became shorter while it was read');
    done += bytesRead;
  }
}

interface OpenFile extends Header {
  /** The header's bytes, the eight of its length included. */
  readonly header: Uint8Array;
}

async function readHeader(file: FileHandle): Promise<OpenFile> {
  const { size } = await file.stat();
  if (size < 8) damaged(`it has only ${size} bytes`);
  const length = new Uint8Array(8);
  await readInto(file, length, 0);
  const headerLength = Number(viewOf(length).getBigUint64(0, true));
  if (headerLength > LARGEST_HEADER) damaged(`its header claims ${headerLength} bytes`);
  if (headerLength > size - 8) damaged(`it ends inside its header (${size - 8} of ${headerLength} bytes)`);
  const header = new Uint8Array(8 + headerLength);
  await readInto(file, header, 0);
  const parsed = parseHeader(new TextDecoder('utf-8', { ignoreBOM: true }).decode(header.subarray(8)), size - header.length);
  if (parsed.metadata[CHECKSUM_KEY] === undefined && parsed.metadata.format?.startsWith('ampc')) damaged('its checksum is missing');
  return { ...parsed, header };
}

/** A hash of the file so far, if it has a checksum. */
function startChecksum({ header, metadata }: OpenFile) {
  const recorded = metadata[CHECKSUM_KEY];
  if (recorded === undefined) return undefined;
  const at = placeOfChecksum(header, recorded);
  if (at === undefined) return damaged('its checksum cannot be found');
  const zeroed = header.slice();
  zeroed.fill(ZERO, at, at + recorded.length);
  const hash = createHash('sha256').update(zeroed);
  return {
    update: (bytes: Uint8Array) => void hash.update(bytes),
    check: () => hash.digest('hex') === recorded || damaged('its contents do not match its checksum'),
  };
}

async function readTensors(file: FileHandle, { wanted, piece = PIECE }: ReadOptions): Promise<TensorFile> {
  const opened = await readHeader(file);
  const { entries, metadata, header } = opened;
  const checksum = startChecksum(opened);
  const tensors = new Map<string, Tensor>();
  const others = new Map<string, Pick<Entry, 'dtype' | 'shape'>>();
  const scratch = new Uint8Array(Math.min(piece, Math.max(0, ...entries.map(({ begin, end }) => end - begin))));
  for (const entry of entries) {
    const { name, dtype, shape, begin, end } = entry;
    const target = wanted === undefined || wanted.has(name) ? targetOf(entry) : undefined;
    if (target === undefined) others.set(name, { dtype, shape });
    else tensors.set(name, { shape, data: target.data });
    if (target === undefined && checksum === undefined) continue;
    for (let at = begin; at < end; at += piece) {
      const length = Math.min(piece, end - at);
      const isDirect = target !== undefined && target.convert === undefined;
      const bytes = isDirect ? new Uint8Array(target.data.buffer, at - begin, length) : scratch.subarray(0, length);
      await readInto(file, bytes, header.length + at);
      checksum?.update(bytes);
      target?.convert?.(bytes, at - begin);
    }
  }
  checksum?.check();
  return { tensors, others, metadata };
}

function unreadable(path: string, reason: string): UserError {
  return userError('AMP7201', `${path} is not a usable safetensors file`, reason, 'use another copy of the file');
}

function refusedBySystem(path: string, error: unknown): UserError {
  return userError('AMP7201', `cannot read ${path}`, fileReason(error), fileFix(error));
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    return await use(file);
  } catch (error) {
    if (error instanceof Unusable) throw unreadable(path, error.message);
    // Of the allocation; the file is as long as it says.
    if (error instanceof RangeError && file !== undefined)
      throw unreadable(path, `its ${formatBytes((await file.stat()).size)} do not fit in memory`);
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw refusedBySystem(path, error);
    throw error;
  } finally {
    await file?.close();
  }
}

/**
 * Reads and checks a safetensors file (https://github.com/huggingface/safetensors, the format's own rules), piece by piece into the
 * tensors' own memory. Throws UserError AMP7201 with the reason when the file cannot be read or is damaged.
 */
export function readSafetensors(path: string, options: ReadOptions = {}): Promise<TensorFile> {
  return withFile(path, (file) => readTensors(file, options));
}

/** What a file says of its tensors, in the order of their data; not checked against the checksum. Throws UserError AMP7201. */
export function readHeaderOf(path: string): Promise<Header> {
  return withFile(path, readHeader);
}

/** The metadata alone, not checked against the checksum. Throws UserError AMP7201. */
export async function readMetadata(path: string): Promise<TensorFile['metadata']> {
  return (await readHeaderOf(path)).metadata;
}
