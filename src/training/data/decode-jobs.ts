import { closeSync, constants, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { ImageSize } from '../../datasets/source.js';
import { fileReason, isSystemError } from '../../files/reason.js';
import { elementCount, type Shape } from '../../ir/types.js';
import { hashOf, type KnownFile } from './picture-cache.js';
import { looksWhole } from './picture-ends.js';

/** What pictures are brought to. */
export interface Decoding {
  /** H, W, C. */
  readonly shape: Shape;
  readonly size: ImageSize | undefined;
}

/** Files at which pictures are looked before they are decoded. */
export interface Examination {
  readonly decoding: Decoding;
  readonly files: readonly { readonly file: string; readonly known: KnownFile | undefined; readonly path: string }[];
}

/** Pictures that are brought into memory, or into the cache alone. */
export interface Loading {
  readonly decoding: Decoding;
  /** Decoded pictures, and a mark for each that is there; undefined: nothing is kept. */
  readonly cache: { readonly pixels: string; readonly marks: string } | undefined;
  readonly memory: SharedArrayBuffer | undefined;
  readonly pictures: readonly LoadedPicture[];
}

export interface LoadedPicture extends Pick<KnownFile, 'size' | 'mtimeMs'> {
  /** Undefined: its bytes are given, or it is in the cache. */
  readonly file: string | undefined;
  /** Its place in the cache; undefined: it is not kept. */
  readonly slot: number | undefined;
  /** Its place in memory; undefined: it is only decoded. */
  readonly place: number | undefined;
  /** What the file holds, where it is read already; or why there is nothing. */
  readonly bytes?: Uint8Array | { readonly why: string } | undefined;
}

/**
 * What became of a picture. `missing`: it is not in the cache, and its bytes are nowhere else. `isUnread`: the system did not give its
 * bytes this time, which says nothing of what they are.
 */
export type Outcome = 'loaded' | 'changed' | 'missing' | { readonly why: string; readonly isUnread?: true };

export interface LoadResult {
  readonly outcomes: readonly Outcome[];
  /** Why the cache takes nothing more. */
  readonly cacheFailure?: string | undefined;
}

/** Files up to this size are known by all that they hold, others by so much of both ends, and their size. */
const WHOLE = 64 << 10;
const HEAD = 48 << 10;

function readAt(file: number, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const read = readSync(file, bytes, done, length - done, at + done);
    if (read === 0) break;
    done += read;
  }
  return bytes.subarray(0, done);
}

function withFile<T>(path: string, use: (file: number) => T): T {
  const file = openSync(path, 'r');
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}

/** The first line of what a library says, which may end where a reason should follow. */
const messageOf = (error: unknown): string => (error as Error).message.split('\n')[0]!.replace(/:\s*$/, '');

/** Brings an image library, which nothing else needs. */
let loaded: Promise<typeof import('./picture.js')> | undefined;
const library = () => {
  loaded ??= import('./picture.js');
  return loaded;
};

/** Of a file that cannot be read now, nothing is known the next time. */
const unread = (path: string) => ({ path, size: -1, mtimeMs: 0, hash: '' });

async function examineOne({ file, known, path }: Examination['files'][number], { shape, size: target }: Decoding): Promise<KnownFile> {
  try {
    const found = statSync(file);
    const { size, mtimeMs } = found;
    const seen = { path, size, mtimeMs };
    // To open a pipe would wait for whoever writes to it.
    if (!found.isFile()) return { ...unread(path), why: found.isDirectory() ? 'it is a folder' : 'it is no file' };
    if (known !== undefined && known.size === size && known.mtimeMs === mtimeMs) return known;
    const [head, tail] = withFile(file, (opened) => {
      const first = readAt(opened, 0, size <= WHOLE ? size : HEAD);
      return [first, size <= WHOLE ? first : readAt(opened, size - (WHOLE - HEAD), WHOLE - HEAD)];
    });
    const hash = size <= WHOLE ? hashOf(head) : hashOf(String(size), head, tail);
    if (looksWhole(head, tail, size)) return { ...seen, hash };
    const { decodePicture } = await library();
    const bytes = size <= WHOLE ? head : withFile(file, (opened) => readAt(opened, 0, size));
    try {
      await decodePicture(bytes, shape, target);
      return { ...seen, hash, decoded: true };
    } catch (error) {
      return { ...seen, hash, why: messageOf(error) };
    }
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return { ...unread(path), why: fileReason(error) };
  }
}

/** What there is to know of files without decoding them, but for those that look unusual. */
export function examine({ decoding, files }: Examination): Promise<readonly KnownFile[]> {
  return Promise.all(files.map((file) => examineOne(file, decoding)));
}

/** The bytes of a file that is as it was seen; `changed` of another. Throws the system's error. */
function readSeen({ file, size, mtimeMs }: LoadedPicture): Uint8Array | 'changed' | 'missing' {
  if (file === undefined) return 'missing';
  try {
    return withFile(file, (opened) => {
      const now = fstatSync(opened);
      if (now.size !== size || now.mtimeMs !== mtimeMs) return 'changed';
      const bytes = readAt(opened, 0, size);
      return bytes.length === size ? bytes : 'changed';
    });
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return 'changed';
    throw error;
  }
}

/** Decoded pictures on disk. Each has a mark: a checksum of its pixels, 0 where it is not there. */
class Kept {
  private readonly buffer: Uint8Array;
  failure: string | undefined;

  private constructor(
    private readonly pixels: number,
    private readonly marks: number,
    bytes: number,
  ) {
    this.buffer = new Uint8Array(bytes);
  }

  static open({ cache, decoding }: Loading): Kept | undefined {
    if (cache === undefined) return undefined;
    // Nothing is written through a link, wherever it leads.
    const mode = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
    const pixels = openSync(cache.pixels, mode, 0o600);
    try {
      return new Kept(pixels, openSync(cache.marks, mode, 0o600), elementCount(decoding.shape));
    } catch (error) {
      closeSync(pixels);
      throw error;
    }
  }

  /** The pixels in a slot, until the next call; undefined where none are, or damaged ones. */
  read(slot: number): Uint8Array | undefined {
    const mark = readAt(this.marks, 4 * slot, 4);
    const expected = mark.length < 4 ? 0 : new DataView(mark.buffer).getUint32(0);
    if (expected === 0) return undefined;
    const { buffer } = this;
    if (readSync(this.pixels, buffer, 0, buffer.length, slot * buffer.length) < buffer.length) return undefined;
    return markOf(buffer) === expected ? buffer : undefined;
  }

  /** The mark comes last: whoever finds it finds the pixels, or others than it says. */
  write(slot: number, pixels: Uint8Array): void {
    if (this.failure !== undefined) return;
    try {
      const mark = new DataView(new ArrayBuffer(4));
      mark.setUint32(0, markOf(pixels));
      if (writeSync(this.pixels, pixels, 0, pixels.length, slot * pixels.length) < pixels.length) return;
      writeSync(this.marks, mark, 0, 4, 4 * slot);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.failure = fileReason(error);
    }
  }

  close(): void {
    closeSync(this.pixels);
    closeSync(this.marks);
  }
}

const markOf = (pixels: Uint8Array): number => crc32(pixels) || 1;

async function loadOne(picture: LoadedPicture, { decoding, memory }: Loading, kept: Kept | undefined): Promise<Outcome> {
  const { slot, place } = picture;
  let pixels = slot === undefined ? undefined : kept?.read(slot);
  if (pixels === undefined) {
    const bytes = picture.bytes ?? readSeen(picture);
    if (typeof bytes === 'string' || 'why' in bytes) return bytes;
    const { decodePicture } = await library();
    try {
      pixels = await decodePicture(bytes, decoding.shape, decoding.size);
    } catch (error) {
      return { why: messageOf(error) };
    }
    if (slot !== undefined) kept?.write(slot, pixels);
  }
  if (place !== undefined) new Uint8Array(memory!, place * pixels.length, pixels.length).set(pixels);
  return 'loaded';
}

/** Brings pictures into memory: from the cache where they are in it, else decoded, and then kept there. */
export async function load(loading: Loading): Promise<LoadResult> {
  let kept: Kept | undefined;
  let cacheFailure: string | undefined;
  try {
    kept = Kept.open(loading);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    cacheFailure = error.code === 'ELOOP' ? 'a link lies where a file of its own should' : fileReason(error);
  }
  try {
    // Large ones are decoded beside each other, on threads of the library.
    const outcomes = await Promise.all(
      loading.pictures.map(async (picture): Promise<Outcome> => {
        try {
          return await loadOne(picture, loading, kept);
        } catch (error) {
          if (!isSystemError(error)) throw error;
          return { why: fileReason(error), isUnread: true };
        }
      }),
    );
    return { outcomes, cacheFailure: cacheFailure ?? kept?.failure };
  } finally {
    kept?.close();
  }
}

/** All that threads of the pool do, by name. */
export const JOBS = { examine, load } as const;
export type JobName = keyof typeof JOBS;
export type JobInput<Name extends JobName> = Parameters<(typeof JOBS)[Name]>[0];
export type JobResult<Name extends JobName> = Awaited<ReturnType<(typeof JOBS)[Name]>>;
