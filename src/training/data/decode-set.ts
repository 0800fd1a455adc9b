import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import type { ImageSize } from '../../datasets/source.js';
import { isSystemError } from '../../files/reason.js';
import { systemError } from '../../files/system-error.js';
import { temporaryBeside } from '../../files/temporary.js';
import { elementCount, type Shape } from '../../ir/types.js';
import { mapFile } from './map-file.js';
import { decodedPath, hashOf, isDecoded, type KnownFile, readIndex, trimCache, writeIndex } from './picture-cache.js';
import type { PictureFiles, Seen } from './picture-files.js';

export interface DecodeOptions {
  /** H, W, C that every picture is brought to. */
  readonly shape: Shape;
  readonly size: ImageSize | undefined;
  /** Folder of the cache; undefined: nothing is kept. */
  readonly cache: string | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface DecodedSet {
  /** The pixels of the pictures that are not broken, one after another. */
  readonly pixels: Uint8Array;
  /** By place in the list that was given: why a file is no picture. */
  readonly broken: ReadonlyMap<number, string>;
  /** A hash of what the files hold, and how it was decoded. */
  readonly key: string;
}

/** Pictures that are read and decoded at once. sharp decodes on the threads of Node's pool, which also read the files. */
function lanes(): number {
  return 2 * Math.max(2, Math.min(16, availableParallelism()));
}

/** Runs `work` on 0 to count - 1, some at a time. */
async function inLanes(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    try {
      while (next < count) await work(next++);
    } catch (error) {
      next = count;
      throw error;
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, lanes()) }, lane));
}

/** Where decoded pictures go: each into its place. */
interface Sink {
  put(place: number, pixels: Uint8Array): Promise<void>;
}

class Decoder {
  readonly broken = new Map<number, string>();
  readonly known: KnownFile[] = [];
  private done = 0;

  constructor(
    private readonly files: PictureFiles,
    private readonly seen: readonly Seen[],
    private readonly options: DecodeOptions,
    private readonly sink: Sink,
  ) {}

  async run(): Promise<void> {
    // Brings an image library, which nothing else needs.
    const { decodePicture } = await import('./picture.js');
    const { shape, size, signal, onProgress } = this.options;
    await inLanes(this.seen.length, async (place) => {
      signal?.throwIfAborted();
      const before = this.seen[place]!;
      const bytes = await this.files.read(before);
      if ('why' in bytes) {
        this.reject(place, '', bytes.why);
        return;
      }
      const hash = hashOf(bytes);
      try {
        await this.sink.put(place, await decodePicture(bytes, shape, size));
        this.known[place] = { ...before, hash };
      } catch (error) {
        if (isSystemError(error)) throw error;
        this.reject(place, hash, (error as Error).message.split('\n')[0]!);
      }
      onProgress?.(++this.done, this.seen.length);
    });
  }

  private reject(place: number, hash: string, why: string): void {
    this.broken.set(place, why);
    this.known[place] = { ...this.seen[place]!, hash, why };
  }
}

function brokenOf(files: readonly KnownFile[]): Map<number, string> {
  return new Map(files.flatMap(({ why }, place): [number, string][] => (why === undefined ? [] : [[place, why]])));
}

function keyOf(how: string, files: readonly KnownFile[]): string {
  return hashOf(how, ...files.flatMap(({ hash, why }) => (why === undefined ? [`\n${hash}`] : [])));
}

/** Moves the pictures behind broken ones together. */
async function closeGaps(file: FileHandle, count: number, bytes: number, broken: ReadonlyMap<number, string>): Promise<void> {
  const buffer = new Uint8Array(bytes);
  let to = 0;
  for (let place = 0; place < count; place++) {
    if (broken.has(place)) continue;
    if (place !== to) {
      await file.read(buffer, 0, bytes, place * bytes);
      await file.write(buffer, 0, bytes, to * bytes);
    }
    to++;
  }
  await file.truncate(to * bytes);
}

/** Decodes into a file of the cache, whose name is known when all have been read. */
async function decodeIntoCache(files: PictureFiles, seen: readonly Seen[], how: string, options: DecodeOptions, cache: string) {
  const bytes = elementCount(options.shape);
  const temporary = temporaryBeside(join(cache, 'decoding'));
  const file = await open(temporary, 'wx+', 0o600);
  try {
    const put: Sink['put'] = async (place, pixels) => {
      await file.write(pixels, 0, bytes, place * bytes);
    };
    const decoder = new Decoder(files, seen, options, { put });
    await decoder.run();
    const { broken, known } = decoder;
    if (broken.size > 0) await closeGaps(file, seen.length, bytes, broken);
    const key = keyOf(how, known);
    await file.sync();
    await rename(temporary, decodedPath(cache, key));
    await writeIndex(cache, files.root, how, known);
    await trimCache(cache, key);
    return { key, broken };
  } catch (error) {
    if (isSystemError(error)) throw systemError(error, { path: dirname(temporary), doing: 'keep decoded pictures in' });
    throw error;
  } finally {
    await file.close();
    await rm(temporary, { force: true });
  }
}

async function decodeIntoMemory(files: PictureFiles, seen: readonly Seen[], how: string, options: DecodeOptions): Promise<DecodedSet> {
  const bytes = elementCount(options.shape);
  const all = new Uint8Array(seen.length * bytes);
  const decoder = new Decoder(files, seen, options, { put: async (place, pixels) => all.set(pixels, place * bytes) });
  await decoder.run();
  const { broken, known } = decoder;
  let to = 0;
  for (let place = 0; place < seen.length; place++)
    if (!broken.has(place)) all.copyWithin(bytes * to++, place * bytes, (place + 1) * bytes);
  return { pixels: all.subarray(0, to * bytes), broken, key: keyOf(how, known) };
}

/**
 * The pixels of pictures, in the order of `paths`: from the cache where their files are as they were, else decoded, several at a time.
 * Throws UserError AMP7019 for a file that changes meanwhile, AMP6110 where the system refuses the cache, as the reader of the files,
 * and the signal's reason.
 */
export async function decodeSet(files: PictureFiles, paths: readonly string[], options: DecodeOptions): Promise<DecodedSet> {
  const { shape, size, cache } = options;
  const { DECODER } = await import('./picture.js');
  const how = JSON.stringify([DECODER, shape, size]);
  const seen: Seen[] = new Array(paths.length);
  await inLanes(paths.length, async (place) => {
    seen[place] = await files.look(paths[place]!);
  });
  if (cache === undefined) return decodeIntoMemory(files, seen, how, options);
  const index = await readIndex(cache, files.root, how);
  const known = seen.flatMap(({ path, size: bytes, mtimeMs }) => {
    const file = index.get(path);
    return file !== undefined && file.size === bytes && file.mtimeMs === mtimeMs && file.hash !== '' ? [file] : [];
  });
  if (known.length === paths.length) {
    const broken = brokenOf(known);
    const key = keyOf(how, known);
    const count = paths.length - broken.size;
    if (count === 0) return { pixels: new Uint8Array(0), broken, key };
    if (await isDecoded(cache, key, count * elementCount(shape))) return { pixels: await mapFile(decodedPath(cache, key)), broken, key };
  }
  const { key, broken } = await decodeIntoCache(files, seen, how, options, cache);
  return { pixels: await mapFile(decodedPath(cache, key)), broken, key };
}
