import { setTimeout as sleep } from 'node:timers/promises';
import { type CompileOptions, type PlanDiff, readWhole, type Source, sourceChange, UserError } from '../index.js';
import { printDiff } from './diff-view.js';
import { reportFailure } from './failure.js';
import type { Interrupt } from './interrupt.js';
import type { Output } from './output.js';

/** Between two looks at the files: what an editor saves is seen before it is missed, and nothing is to be noticed of looking. */
const INTERVAL_MS = 300;

/** Looks in a row that find no file before it is told: an editor that saves may take it away for one. */
const GONE = 4;

function isSame(a: Source | undefined, b: Source | undefined): boolean {
  const texts = (source: Source | undefined) => source && [source.text, ...(source.used ?? []).map(({ name, text }) => [name, text])];
  return JSON.stringify(texts(a)) === JSON.stringify(texts(b));
}

/** The file and what it uses, again and again. Mistakes in it are told when they appear. */
class Watched {
  #seen: Source | undefined;
  /** Looks in a row at which it could not be read. */
  #misses = 0;

  constructor(
    private readonly file: string,
    private readonly output: Output,
  ) {}

  /** Undefined where it cannot be read just now: as while it is saved, which is nothing to tell, or because it is gone. */
  async read(): Promise<Source | undefined> {
    try {
      const source = await readWhole(this.file);
      if (this.#misses >= GONE) this.output.line(`${this.file} can be read again`);
      this.#misses = 0;
      return source;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.#misses += 1;
      if (this.#misses === GONE) {
        const [first] = error.diagnostics;
        const why = first?.why === undefined ? '' : ` (${first.why})`;
        this.output.error(`${first?.message}${why}: looking for it until it is there again; the run is that of what it said last`);
      }
      return undefined;
    }
  }

  /** Resolves when the file says something else than `before` does, and has no mistakes; undefined when `signal` is aborted first. */
  async change(
    before: Source,
    options: CompileOptions,
    signal: AbortSignal,
  ): Promise<{ readonly source: Source; readonly diff: PlanDiff } | undefined> {
    this.#seen ??= before;
    for (;;) {
      await sleep(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return undefined;
      const source = await this.read();
      if (source === undefined || isSame(source, this.#seen)) continue;
      this.#seen = source;
      try {
        const diff = await sourceChange(before, source, options);
        if (diff !== undefined) return { source, diff };
      } catch (error) {
        reportFailure(error, this.output);
      }
    }
  }
}

/**
 * Trains a file, and trains it anew whenever it says something else: `train` ends its run when its signal is aborted. A change with
 * mistakes is told and ends no run; one that means the same does nothing. Returns when `interrupt` comes.
 */
export async function watchTraining(
  file: string,
  options: CompileOptions,
  train: (source: Source, signal: AbortSignal) => Promise<void>,
  interrupt: Interrupt,
  output: Output,
): Promise<void> {
  const watched = new Watched(file, output);
  let source = await readWhole(file);
  while (!interrupt.signal.aborted) {
    const stop = new AbortController();
    const either = AbortSignal.any([stop.signal, interrupt.signal]);
    const training = train(source, either).then(
      () => output.info(`watching ${file}: a change begins a new run, Ctrl-C ends`),
      (error: unknown) => {
        if (!either.aborted) reportFailure(error, output);
      },
    );
    const changed = await watched.change(source, options, interrupt.signal);
    stop.abort(Object.assign(new Error('the file has changed'), { name: 'AbortError' }));
    await training;
    if (changed === undefined) return;
    output.line(`\n${file} has changed`);
    printDiff(changed.diff, undefined, output);
    source = changed.source;
  }
}
