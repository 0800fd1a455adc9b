import { isCount, isRecord } from '../files/json-form.js';
import { elementCount } from '../ir/types.js';
import { duplicateKey } from './json-keys.js';

/** Bits of an element, by the format's names for its types (https://github.com/huggingface/safetensors). */
const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F8_E4M3: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2: 8,
  F8_E5M2FNUZ: 8,
  F8_E8M0: 8,
  U8: 8,
  I8: 8,
  U16: 16,
  I16: 16,
  F16: 16,
  BF16: 16,
  U32: 32,
  I32: 32,
  F32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
  C64: 64,
} as const satisfies Readonly<Record<string, number>>;

export type StoredType = keyof typeof DTYPE_BITS;

/** What a file says of a tensor; `begin` and `end` are bytes of the data behind the header. */
export interface Entry {
  readonly name: string;
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** In the order of their data. */
  readonly entries: readonly Entry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Types of counts, indices and masks: no layer has such weights. */
const COUNTS: ReadonlySet<StoredType> = new Set(['BOOL', 'U8', 'I8', 'U16', 'I16', 'U32', 'I32', 'U64', 'I64']);

export function isCountType(dtype: StoredType): boolean {
  return COUNTS.has(dtype);
}

/** Why a file cannot be used. */
export class Unusable extends Error {}

export function damaged(reason: string): never {
  throw new Unusable(`it is damaged: ${reason}`);
}

function isStoredType(name: string): name is StoredType {
  return Object.hasOwn(DTYPE_BITS, name);
}

function parseEntry(name: string, value: unknown, dataLength: number): Entry {
  if (!isRecord(value)) damaged(`the entry of '${name}' is not an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string') damaged(`'${name}' has no dtype`);
  if (!isStoredType(dtype)) damaged(`'${name}' has dtype ${dtype}, which the format does not have`);
  if (!Array.isArray(shape) || !shape.every(isCount)) damaged(`'${name}' has no valid shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) damaged(`'${name}' has no valid data_offsets`);
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataLength) damaged(`'${name}' lies at bytes ${begin} to ${end} of ${dataLength} bytes of data`);
  const expected = (elementCount(shape) * DTYPE_BITS[dtype]) / 8;
  if (end - begin !== expected) damaged(`'${name}' is ${dtype}[${shape.join(',')}], ${expected} bytes, but has ${end - begin}`);
  return { name, dtype, shape, begin, end };
}

/** The format allows no gaps either: every byte of the data belongs to exactly one tensor. `entries` are in the order of their data. */
function checkCover(entries: readonly Entry[], dataLength: number): void {
  let covered = 0;
  let previous = '';
  for (const entry of entries) {
    if (entry.begin < covered) damaged(`'${previous}' and '${entry.name}' overlap`);
    if (entry.begin > covered) damaged(`bytes ${covered} to ${entry.begin} of the data belong to no tensor`);
    covered = entry.end;
    previous = entry.name;
  }
  if (covered !== dataLength) damaged(`${dataLength - covered} bytes after the last tensor belong to no tensor`);
}

/** Reads a header of a file with `dataLength` bytes behind it. Throws Unusable. */
export function parseHeader(text: string, dataLength: number): Header {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    damaged('its header is not JSON');
  }
  if (!text.startsWith('{') || !isRecord(header)) damaged('its header is not a JSON object');
  const twice = duplicateKey(text);
  if (twice !== undefined) damaged(`'${twice}' appears twice`);
  const { __metadata__: metadata = {}, ...rest } = header;
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    damaged('its metadata is not a table of strings');
  }
  const entries = Object.entries(rest).map(([name, value]) => parseEntry(name, value, dataLength));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCover(entries, dataLength);
  return { entries, metadata: metadata as Record<string, string> };
}
