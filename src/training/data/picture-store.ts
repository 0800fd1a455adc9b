import { changedFile } from '../../datafiles/bad-file.js';
import { fileReason, isSystemError } from '../../files/reason.js';
import { elementCount } from '../../ir/types.js';
import type { Decoding, LoadedPicture, Loading, Outcome } from './decode-jobs.js';
import type { DecodePool } from './decode-pool.js';
import {
  cacheLimit,
  cachePlace,
  hashOf,
  type KnownFile,
  keptPictures,
  readIndex,
  touchCache,
  trimCache,
  writeIndex,
} from './picture-cache.js';
import type { PictureFiles } from './picture-files.js';

export interface StoreOptions {
  readonly decoding: Decoding;
  readonly pool: DecodePool;
  /** Folder of the cache; undefined: nothing is kept. */
  readonly cache: string | undefined;
  readonly onNotice?: ((text: string) => void) | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A picture, by its place in the list, and where it goes in memory. */
export interface Request {
  readonly index: number;
  readonly place?: number;
}

export type BrokenPicture = Exclude<Outcome, string>;

/** Pictures that a thread decodes in one go: few, so that the first batch is soon there. */
export const TOGETHER = 8;

/** Listed pictures: what is known of each, and the way to their pixels, through a cache that all runs of the user share. */
export class PictureStore {
  private isNew = false;
  /** Pictures that the cache takes: as many as its limit allows; all of those that cannot be had one by one. */
  private readonly slots: number;

  private constructor(
    private readonly files: PictureFiles,
    private readonly known: KnownFile[],
    private readonly how: string,
    /** Of what the files hold, and how they are decoded. */
    private readonly key: string,
    private cache: string | undefined,
    private readonly options: StoreOptions,
  ) {
    const most = this.isSequential || cache === undefined ? known.length : Math.floor(cacheLimit() / this.bytes);
    this.slots = Math.min(known.length, most);
  }

  /** Looks at all pictures. Throws as `PictureFiles.examine`. */
  static async open(files: PictureFiles, paths: readonly string[], options: StoreOptions): Promise<PictureStore> {
    const { decoding, cache } = options;
    // Brings an image library, which nothing else needs.
    const { DECODER } = await import('./picture.js');
    const how = JSON.stringify([DECODER, decoding.shape, decoding.size]);
    const before = cache === undefined ? new Map<string, KnownFile>() : await readIndex(cache, files.root, how);
    const known = [...(await files.examine(paths, { ...options, known: before }))];
    const key = hashOf(how, ...known.map(({ hash }) => `\n${hash}`));
    const store = new PictureStore(files, known, how, key, cache, options);
    store.isNew = known.some((file) => before.get(file.path) !== file);
    if (cache !== undefined) {
      await store.writing(() => trimCache(cache, key, store.slots * store.bytes));
      await touchCache(cache, key);
    }
    await store.save();
    return store;
  }

  /** Of a picture, decoded. */
  get bytes(): number {
    return elementCount(this.options.decoding.shape);
  }

  /** Whether pictures can only be read one after another. */
  get isSequential(): boolean {
    return this.files.read !== undefined;
  }

  get isCached(): boolean {
    return this.cache !== undefined;
  }

  /** Bytes of all files together. */
  get fileBytes(): number {
    const sizes = new Map(this.known.map(({ path, size }) => [this.files.fileOf(path), Math.max(0, size)]));
    return [...sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  /** Those that are no pictures, as far as it is known, in the order of the list. */
  get broken(): readonly { readonly path: string; readonly why: string }[] {
    return this.known.flatMap(({ path, why }) => (why === undefined ? [] : [{ path, why }]));
  }

  isBroken(index: number): boolean {
    return this.known[index]!.why !== undefined;
  }

  /** A hash of what the pictures of a data set hold, and how they are decoded; without those that are broken. */
  contentOf(indices: Iterable<number>): string {
    return hashOf(this.how, ...Array.from(indices, (index) => `\n${this.known[index]!.hash}`));
  }

  fileOf(index: number): string {
    return this.files.fileOf(this.known[index]!.path);
  }

  /**
   * Decodes what was never decoded, which finds out all that are broken. Throws UserError AMP7019 for a file that changed since it was
   * looked at, and the signal's reason.
   */
  async decodeAll(): Promise<void> {
    const { pool, signal, onProgress } = this.options;
    const kept = this.cache === undefined ? [] : await keptPictures(this.cache, this.key, this.slots);
    const indices = [...this.known.keys()].filter((index) => {
      const { why, decoded } = this.known[index]!;
      return why === undefined && !(decoded === true && (kept[index] === true || !this.isSequential));
    });
    let done = 0;
    await pool.runAll(
      'load',
      Math.ceil(indices.length / TOGETHER),
      (part) =>
        this.loading(
          indices.slice(part * TOGETHER, (part + 1) * TOGETHER).map((index) => ({ index })),
          undefined,
          true,
        ),
      ({ outcomes, cacheFailure }, part) => {
        this.noteFailure(cacheFailure);
        for (const [at, outcome] of outcomes.entries()) {
          const index = indices[part * TOGETHER + at]!;
          if (outcome === 'changed') throw changedFile(this.fileOf(index));
          this.note(index, outcome);
        }
        done += outcomes.length;
        onProgress?.(done, indices.length);
      },
      signal,
    );
    await this.save();
  }

  /** Brings pictures into memory; what became of each. `urgent`: somebody waits for them. */
  async load(requests: readonly Request[], memory: SharedArrayBuffer, urgent: boolean): Promise<readonly Outcome[]> {
    const { pool } = this.options;
    const { outcomes, cacheFailure } = await pool.run('load', this.loading(requests, memory, this.cache === undefined), urgent);
    this.noteFailure(cacheFailure);
    const missing = requests.filter((_, at) => outcomes[at] === 'missing');
    if (missing.length === 0) return outcomes;
    const again = await pool.run('load', this.loading(missing, memory, true), urgent);
    return outcomes.map((outcome, at) => (outcome === 'missing' ? again.outcomes[missing.indexOf(requests[at]!)]! : outcome));
  }

  /** What a picture turned out to be is known to the next run. */
  async reject(index: number, outcome: BrokenPicture): Promise<void> {
    this.note(index, outcome);
    await this.save();
  }

  private note(index: number, outcome: Exclude<Outcome, 'changed'>): void {
    const { decoded: _, ...file } = this.known[index]!;
    if (typeof outcome === 'string') this.known[index] = { ...file, decoded: true };
    else this.known[index] = { ...file, why: outcome.why, ...(outcome.isUnread && { size: -1 }) };
    this.isNew = true;
  }

  private noteFailure(why: string | undefined): void {
    if (why === undefined || this.cache === undefined) return;
    this.options.onNotice?.(`${this.cache}: ${why}; decoded pictures are not kept`);
    this.cache = undefined;
  }

  /** `withBytes`: also what can only be read one after another, which is slow where the cache has it. */
  private loading(requests: readonly Request[], memory: SharedArrayBuffer | undefined, withBytes: boolean): Loading {
    const { read } = this.files;
    const { slots } = this;
    const pictures = requests.map(({ index, place }): LoadedPicture => {
      const { path, size, mtimeMs } = this.known[index]!;
      const bytes = withBytes ? read?.(path) : undefined;
      const file = read === undefined ? this.files.fileOf(path) : undefined;
      return { file, size, mtimeMs, slot: index < slots ? index : undefined, place, bytes };
    });
    const { cache, key } = this;
    return { decoding: this.options.decoding, cache: cache === undefined ? undefined : cachePlace(cache, key), memory, pictures };
  }

  private async save(): Promise<void> {
    const { cache } = this;
    if (!this.isNew || cache === undefined) return;
    this.isNew = false;
    await this.writing(() => writeIndex(cache, this.files.root, this.how, this.known));
  }

  /** A cache that takes nothing ends no run: what would have been in it is decoded again. */
  private async writing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.noteFailure(fileReason(error));
    }
  }
}
