import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type UserError, userError } from '../diagnostics/diagnostic.js';
import { elementCount, type Shape } from '../ir/types.js';
import { bfloat16ToNumber, halfToNumber } from '../numeric/half.js';
import { writeFileAtomic } from './atomic.js';
import { duplicateKey } from './json-keys.js';

/** A named array of a weights file. f16 and bf16 are widened to f32 when read. */
export interface Tensor {
  readonly shape: Shape;
  readonly data: Float32Array | Int32Array;
}

export interface TensorFile {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const DTYPE_BYTES: Readonly<Record<string, number>> = { F32: 4, I32: 4, F16: 2, BF16: 2 };
/** The limit of the reference implementation. */
const LARGEST_HEADER = 100_000_000;
const CHECKSUM_KEY = 'sha256';
const NO_CHECKSUM = '0'.repeat(64);

class Damage extends Error {}

function damaged(reason: string): never {
  throw new Damage(reason);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/**
 * The chunks of a safetensors file. Metadata gains a `sha256` of the whole file (computed with the checksum's own digits as zeros),
 * so that a flipped bit anywhere is found when the file is read.
 */
export function encodeSafetensors(tensors: ReadonlyMap<string, Tensor>, metadata: Readonly<Record<string, string>> = {}): Uint8Array[] {
  const header: Record<string, unknown> = { __metadata__: { ...metadata, [CHECKSUM_KEY]: NO_CHECKSUM } };
  const chunks: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    if (data.length !== elementCount(shape)) throw new Error(`${name}: ${data.length} values for shape [${shape.join(',')}]`);
    header[name] = { dtype: data instanceof Int32Array ? 'I32' : 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    chunks.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  padded.writeBigUInt64LE(BigInt(padded.length - 8));
  json.copy(padded, 8);
  const hash = createHash('sha256').update(padded);
  for (const chunk of chunks) hash.update(chunk);
  padded.write(hash.digest('hex'), padded.indexOf(`"${CHECKSUM_KEY}":"${NO_CHECKSUM}"`) + CHECKSUM_KEY.length + 4);
  return [padded, ...chunks];
}

/** Writes a safetensors file in one atomic replacement. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomic(path, encodeSafetensors(tensors, metadata));
}

function parseEntry(name: string, value: unknown, dataLength: number): Entry {
  if (!isRecord(value)) damaged(`the entry of '${name}' is not an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string') damaged(`'${name}' has no dtype`);
  const bytes = DTYPE_BYTES[dtype];
  if (bytes === undefined) damaged(`'${name}' has dtype ${dtype}; F32, F16, BF16 and I32 can be read`);
  if (!Array.isArray(shape) || !shape.every(isCount)) damaged(`'${name}' has no valid shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) damaged(`'${name}' has no valid data_offsets`);
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataLength) damaged(`'${name}' lies at bytes ${begin} to ${end} of ${dataLength} bytes of data`);
  const expected = elementCount(shape) * bytes;
  if (end - begin !== expected) damaged(`'${name}' is ${dtype}[${shape.join(',')}], ${expected} bytes, but has ${end - begin}`);
  return { name, dtype, shape, begin, end };
}

/** The format allows no gaps either: every byte of the data belongs to exactly one tensor. */
function checkCover(entries: readonly Entry[], dataLength: number): void {
  let covered = 0;
  let previous = '';
  for (const entry of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (entry.begin < covered) damaged(`'${previous}' and '${entry.name}' overlap`);
    if (entry.begin > covered) damaged(`bytes ${covered} to ${entry.begin} of the data belong to no tensor`);
    covered = entry.end;
    previous = entry.name;
  }
  if (covered !== dataLength) damaged(`${dataLength - covered} bytes after the last tensor belong to no tensor`);
}

function checkChecksum(bytes: Buffer, headerEnd: number, recorded: string): void {
  const header = Buffer.from(bytes.subarray(0, headerEnd));
  const at = header.indexOf(`"${CHECKSUM_KEY}":"${recorded}"`);
  if (at < 0) damaged('its checksum cannot be found');
  header.write('0'.repeat(recorded.length), at + CHECKSUM_KEY.length + 4);
  const actual = createHash('sha256').update(header).update(bytes.subarray(headerEnd)).digest('hex');
  if (actual !== recorded) damaged('its contents do not match its checksum');
}

function decodeData(bytes: Buffer, { dtype, begin, end }: Entry): Float32Array | Int32Array {
  // A copy: tensors may start at any byte, typed arrays may not, and the file's buffer can then be freed.
  const copy = new Uint8Array(end - begin);
  copy.set(bytes.subarray(begin, end));
  if (dtype === 'F32') return new Float32Array(copy.buffer);
  if (dtype === 'I32') return new Int32Array(copy.buffer);
  return Float32Array.from(new Uint16Array(copy.buffer), dtype === 'F16' ? halfToNumber : bfloat16ToNumber);
}

function decode(bytes: Buffer): TensorFile {
  if (bytes.length < 8) damaged(`it has only ${bytes.length} bytes`);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  if (headerLength > LARGEST_HEADER) damaged(`its header claims ${headerLength} bytes`);
  if (headerLength > bytes.length - 8) damaged(`it ends inside its header (${bytes.length - 8} of ${headerLength} bytes)`);
  const headerEnd = 8 + headerLength;
  const text = bytes.toString('utf8', 8, headerEnd);
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    damaged('its header is not JSON');
  }
  if (!text.startsWith('{') || !isRecord(header)) damaged('its header is not a JSON object');
  const twice = duplicateKey(text);
  if (twice !== undefined) damaged(`'${twice}' appears twice`);
  const { __metadata__: rawMetadata = {}, ...rest } = header;
  if (!isRecord(rawMetadata) || !Object.values(rawMetadata).every((value) => typeof value === 'string')) {
    damaged('its metadata is not a table of strings');
  }
  const metadata = rawMetadata as Record<string, string>;
  const dataLength = bytes.length - headerEnd;
  const entries = Object.entries(rest).map(([name, value]) => parseEntry(name, value, dataLength));
  checkCover(entries, dataLength);
  const recorded = metadata[CHECKSUM_KEY];
  if (recorded === undefined && metadata.format?.startsWith('ampc')) damaged('its checksum is missing');
  if (recorded !== undefined) checkChecksum(bytes, headerEnd, recorded);
  const data = bytes.subarray(headerEnd);
  return { tensors: new Map(entries.map((entry) => [entry.name, { shape: entry.shape, data: decodeData(data, entry) }])), metadata };
}

function unreadable(path: string, reason: string): UserError {
  return userError('AMP7201', `${path} is not a usable safetensors file`, reason, 'use another copy of the file');
}

/**
 * Reads and checks a safetensors file (https://github.com/huggingface/safetensors, the format's own rules).
 * Throws UserError AMP7201 with the reason when the file cannot be read or is damaged.
 */
export async function readSafetensors(path: string): Promise<TensorFile> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw unreadable(path, (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (error as Error).message);
  }
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof Damage) throw unreadable(path, `it is damaged: ${error.message}`);
    throw error;
  }
}
