import { setTimeout as sleep } from 'node:timers/promises';
import { type Diagnostic, readWhole, type Source, UserError } from '../index.js';

/** Between two looks at the files: what an editor saves is seen before it is missed, and nothing is to be noticed of looking. */
const INTERVAL_MS = 300;

/** Looks in a row that find no file before it is told: an editor that saves may take it away for one. */
const GONE = 4;

/** What a look at a file finds that was not there at the one before. */
export type Seen =
  | { readonly kind: 'changed'; readonly source: Source; readonly isBack: boolean }
  | { readonly kind: 'gone'; readonly diagnostics: readonly Diagnostic[] };

function textsOf({ text, used = [] }: Source): string {
  return JSON.stringify([text, used.map((one) => [one.name, one.text])]);
}

/** A file and what it uses, looked at again and again. */
export class WatchedFile {
  #texts: string | undefined;
  /** Looks in a row at which it could not be read. */
  #misses = 0;

  /** `seen`: what is known already. */
  constructor(
    private readonly file: string,
    seen?: Source,
  ) {
    this.#texts = seen && textsOf(seen);
  }

  /** Undefined where there is nothing new: also where it cannot be read just now, as while it is saved. */
  async look(): Promise<Seen | undefined> {
    try {
      const source = await readWhole(this.file);
      const isBack = this.#misses >= GONE;
      this.#misses = 0;
      const texts = textsOf(source);
      if (texts === this.#texts && !isBack) return undefined;
      this.#texts = texts;
      return { kind: 'changed', source, isBack };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.#misses += 1;
      return this.#misses === GONE ? { kind: 'gone', diagnostics: error.diagnostics } : undefined;
    }
  }
}

/** Waits for the next look; false when `signal` is aborted first. */
export async function untilNextLook(signal: AbortSignal): Promise<boolean> {
  await sleep(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}
