import { type CompileOptions, type PlanDiff, plainService, readWhole, renderDiagnostics, type Source, sourceChange } from '../index.js';
import { printDiff } from './diff-view.js';
import { reportFailure } from './failure.js';
import type { Interrupt } from './interrupt.js';
import type { Output } from './output.js';
import { untilNextLook, WatchedFile } from './watched-file.js';

interface Change {
  readonly source: Source;
  readonly diff: PlanDiff;
}

/** The changes of a file that mean something else. Mistakes in it are told when they appear. */
class Changes {
  private readonly watched: WatchedFile;
  private readonly service = plainService();

  constructor(
    private readonly file: string,
    private readonly output: Output,
    source: Source,
  ) {
    this.watched = new WatchedFile(file, source);
  }

  /** Resolves when the file says something else than `before` does, and has no mistakes; undefined when `signal` is aborted first. */
  async next(before: Source, options: CompileOptions, signal: AbortSignal): Promise<Change | undefined> {
    while (await untilNextLook(signal)) {
      const source = await this.look();
      if (source === undefined) continue;
      try {
        const diff = await sourceChange(before, source, options);
        if (diff !== undefined) return { source, diff };
      } catch (error) {
        reportFailure(error, this.output);
      }
    }
    return undefined;
  }

  /** The file where it says something new and has no mistakes. */
  private async look(): Promise<Source | undefined> {
    const seen = await this.watched.look();
    if (seen === undefined) return undefined;
    if (seen.kind === 'gone') {
      const [first] = seen.diagnostics;
      const why = first?.why === undefined ? '' : ` (${first.why})`;
      this.output.error(`${first?.message}${why}: looking for it until it is there again; the run is that of what it said last`);
      return undefined;
    }
    if (seen.isBack) this.output.line(`${this.file} can be read again`);
    const { source } = seen;
    const analysis = this.service.update(this.file, source);
    if (!analysis.hasErrors) return source;
    this.output.error(renderDiagnostics(analysis.diagnostics, source, { color: this.output.errorColor }));
    return undefined;
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
  let source = await readWhole(file);
  const changes = new Changes(file, output, source);
  while (!interrupt.signal.aborted) {
    const stop = new AbortController();
    const either = AbortSignal.any([stop.signal, interrupt.signal]);
    const training = train(source, either).then(
      () => output.info(`watching ${file}: a change begins a new run, Ctrl-C ends`),
      (error: unknown) => {
        if (!either.aborted) reportFailure(error, output);
      },
    );
    const changed = await changes.next(source, options, interrupt.signal);
    stop.abort(Object.assign(new Error('the file has changed'), { name: 'AbortError' }));
    await training;
    if (changed === undefined) return;
    output.line(`\n${file} has changed`);
    printDiff(changed.diff, undefined, output);
    source = changed.source;
  }
}
