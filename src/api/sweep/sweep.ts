import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type KeysOf, refuseUnknown } from '../../choose/option-keys.js';
import type { BackendChoice } from '../../choose/plan-file.js';
import type { Source } from '../../diagnostics/diagnostic.js';
import { UserError } from '../../diagnostics/diagnostic.js';
import { sourceOf } from '../../files/source.js';
import { isThere } from '../../files/system-error.js';
import { withUsed } from '../../lower/lower.js';
import type { BackendName } from '../../plan/target.js';
import { selectBackend } from '../../runtime/select.js';
import type { TrainProgress } from '../../training/events.js';
import { RUN_FILES } from '../../training/run-folder.js';
import { RUNS } from '../list-runs.js';
import { stem } from '../runs.js';
import { type TrainOptions, withPlace } from '../train.js';
import { RUN_KEYS } from '../train-choices.js';
import { type Definition, defineSweep } from './definition.js';
import { takeSweepFolder } from './folder.js';
import type { Worker } from './job.js';
import { lookAt, type SweepRun, type SweepTable, sweepRun, sweepTable } from './results.js';
import { Schedule } from './schedule.js';
import type { SharedOptions } from './shared-options.js';
import { LOCAL_WORKER, ProcessWorker } from './workers.js';

export interface SweepOptions extends SharedOptions {
  readonly backend?: BackendChoice | undefined;
  /** Seeds of each combination, counted up from the file's; default: the file's alone. */
  readonly seeds?: number | undefined;
  /** Runs that are trained side by side, each in a process of its own; default 1, in this process. */
  readonly jobs?: number | undefined;
  /** All threads, which the jobs share out; 0 (the default) means every core. */
  readonly threads?: number | undefined;
  /** The sweep's folder; default `runs/<file>-sweep`. */
  readonly out?: string | undefined;
  /** Aborting it ends the runs after their running step, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  readonly onNotice?: ((text: string) => void) | undefined;
  /** Told what the file's text makes suspicious; a rendering needs the source. */
  readonly onWarnings?: TrainOptions['onWarnings'];
  readonly onEvent?: ((event: SweepEvent) => void) | undefined;
  readonly onProgress?: ((progress: SweepProgress) => void) | undefined;
}

const SWEEP_KEYS: KeysOf<SweepOptions> = { ...RUN_KEYS, jobs: true, seeds: true };

/** Before the first run. */
export interface SweepStartEvent {
  readonly event: 'sweep_start';
  readonly dir: string;
  readonly runs: number;
  /** Runs that were over before this call. */
  readonly over: number;
  readonly jobs: number;
}

/** A run begins, or has ended. */
export interface SweepRunEvent extends Omit<SweepRun, 'state'> {
  readonly event: 'sweep_run';
  /** From 1. */
  readonly number: number;
  /** `training`: it begins, or goes on. */
  readonly state: SweepRun['state'] | 'training';
  readonly error?: UserError | undefined;
}

export type SweepEvent = SweepStartEvent | SweepRunEvent;

export interface SweepProgress {
  /** Runs that are over, and all. */
  readonly over: number;
  readonly runs: number;
  /** What is being trained, by the number of the run. */
  readonly training: ReadonlyMap<number, TrainProgress>;
}

export interface SweepOutcome extends SweepTable {
  readonly dir: string;
  readonly axes: readonly string[];
  readonly seeds: number;
  readonly interrupted: boolean;
  readonly runs: readonly SweepRun[];
}

interface Sweep {
  readonly dir: string;
  /** Of the runs' folders, in their order. */
  readonly names: readonly string[];
  readonly source: Source;
  readonly definition: Definition;
  readonly options: SweepOptions;
  /** What of them each run gets. */
  readonly shared: SharedOptions;
  readonly backend: BackendName;
  readonly jobs: number;
  /** Of one job. */
  readonly threads: number | undefined;
}

/** Threads of one of so many jobs. The results do not depend on it. */
function threadsOf(threads: number | undefined, jobs: number): number | undefined {
  if (jobs === 1) return threads;
  return Math.max(1, Math.floor((threads || availableParallelism()) / jobs));
}

/** Why a run ended. Throws what is a bug. */
function reasonOf(error: unknown): UserError | undefined {
  if (error === undefined || (error instanceof Error && error.name === 'AbortError')) return undefined;
  if (error instanceof UserError) return error;
  throw error;
}

/** A training in progress: its runs, those that are over first looked up in the folder. */
class Runs {
  readonly #found: SweepRun[] = [];
  readonly #training = new Map<number, TrainProgress>();
  readonly #notices = new Set<string>();

  constructor(private readonly sweep: Sweep) {}

  get results(): readonly SweepRun[] {
    return this.#found;
  }

  #folder(index: number): string {
    return join(this.sweep.dir, this.sweep.names[index]!);
  }

  /** The numbers, from 0, of the runs that are to be trained. */
  async lookUp(): Promise<readonly number[]> {
    for (const [index, planned] of this.sweep.definition.runs.entries()) {
      const found = await lookAt(this.#folder(index));
      const state = found === undefined ? 'pending' : found.state === 'running' ? 'interrupted' : found.state;
      this.#found.push(sweepRun(this.#folder(index), planned, state, found?.scores));
    }
    return this.#found.flatMap(({ state }, index) => (state === 'complete' || state === 'lost' ? [] : [index]));
  }

  get #over(): number {
    return this.#found.filter(({ state }) => state === 'complete' || state === 'lost' || state === 'failed').length;
  }

  start(): void {
    const { dir, definition, options, jobs } = this.sweep;
    options.onEvent?.({ event: 'sweep_start', dir, runs: definition.runs.length, over: this.#over, jobs });
  }

  #tell(index: number, state: SweepRunEvent['state'], error?: UserError): void {
    this.sweep.options.onEvent?.({ event: 'sweep_run', number: index + 1, ...this.#found[index]!, state, error });
  }

  #progress(): void {
    const { options, definition } = this.sweep;
    options.onProgress?.({ over: this.#over, runs: definition.runs.length, training: this.#training });
  }

  /** Told once, whichever run it comes from. */
  #notice(text: string): void {
    if (this.#notices.has(text)) return;
    this.#notices.add(text);
    this.sweep.options.onNotice?.(text);
  }

  /** `onStart`: the plan of the run is compiled. */
  async train(index: number, worker: Worker, signal: AbortSignal, onStart: () => void): Promise<void> {
    const { source, backend, definition, shared, threads, jobs } = this.sweep;
    const planned = definition.runs[index]!;
    const dir = this.#folder(index);
    const goesOn = await isThere(join(dir, RUN_FILES.checkpoint));
    const place = goesOn ? { resume: dir } : { out: dir };
    const { data, costs, logEvery, csv, tensorboard, histograms, workers } = shared;
    // A run that goes on has its settings.
    const choices = goesOn ? { data, costs, logEvery, csv, tensorboard, histograms, workers } : { ...shared, set: planned.set };
    this.#tell(index, 'training');
    const job = { source, options: { ...choices, ...place, backend, threads, compileAll: jobs > 1 } };
    const onProgress = (progress: TrainProgress) => {
      this.#training.set(index + 1, progress);
      this.#progress();
    };
    const error = await worker.run(job, { onStart, onNotice: (text) => this.#notice(text), onProgress }, signal).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    this.#training.delete(index + 1);
    const reason = reasonOf(error);
    const found = await lookAt(dir);
    const ended = found === undefined ? 'pending' : found.state === 'running' ? 'interrupted' : found.state;
    const state = reason !== undefined && ended !== 'lost' ? 'failed' : ended;
    this.#found[index] = sweepRun(dir, planned, state, found?.scores, reason?.diagnostics[0]?.message ?? null);
    this.#tell(index, state, reason);
    this.#progress();
  }
}

/** Trains what is left, `jobs` runs at a time. */
async function trainAll(sweep: Sweep, runs: Runs, left: readonly number[], signal: AbortSignal): Promise<void> {
  const schedule = new Schedule(left.map((index) => ({ index, plan: sweep.definition.runs[index]!.plan })));
  const lane = async (worker: Worker): Promise<void> => {
    try {
      for (;;) {
        const next = signal.aborted ? undefined : await schedule.next();
        if (next === undefined || signal.aborted) return;
        await runs.train(next.index, worker, signal, next.prepared).finally(next.prepared);
      }
    } finally {
      worker.close();
    }
  };
  const workers = sweep.jobs === 1 ? [LOCAL_WORKER] : Array.from({ length: Math.min(sweep.jobs, left.length) }, () => new ProcessWorker());
  const lanes = await Promise.allSettled(workers.map(lane));
  for (const result of lanes) if (result.status === 'rejected') throw result.reason;
}

/**
 * Trains a `.amp` file with every combination of the values that `set` has (`train.lr=0.1,0.3`), each with so many seeds, and goes on where
 * the same sweep stopped: what its folder has of a run is not trained again. Throws UserError, before anything runs, for mistakes in the
 * file, in a value or in what varies (AMP6205), and as `takeSweepFolder`. A run that fails is told, and the others are trained.
 */
export async function sweep(input: string | Source, options: SweepOptions = {}): Promise<SweepOutcome> {
  refuseUnknown('sweep', options, SWEEP_KEYS);
  const { backend: choice = 'auto', jobs = 1, seeds, threads, out, signal = new AbortController().signal, onWarnings, ...others } = options;
  const { onEvent: _e, onProgress: _p, onNotice: _n, ...shared } = others;
  const source = withPlace(withUsed(await sourceOf(input)), options.data);
  const definition = defineSweep(source, shared, seeds);
  const backend = (await selectBackend(choice, { signal, onNotice: options.onNotice })).info.name as BackendName;
  const dir = out ?? join(RUNS, `${stem(source.path)}-sweep`);
  const { lock, names, before } = await takeSweepFolder(dir, { ...definition, facts: { ...definition.facts, backend } });
  if (before !== undefined) options.onNotice?.(`the sweep is widened: it had ${before} runs, and has ${names.length}; what is there stays`);
  try {
    const planned: Sweep = { dir, names, source, definition, options, shared, backend, jobs, threads: threadsOf(threads, jobs) };
    if (definition.warnings.length > 0) onWarnings?.(definition.warnings, source);
    const runs = new Runs(planned);
    const left = await runs.lookUp();
    runs.start();
    await trainAll(planned, runs, left, signal);
    const { results } = runs;
    const interrupted = signal.aborted && results.some(({ state }) => state === 'interrupted' || state === 'pending');
    const axes = definition.axes.map(({ key }) => key);
    return { dir, axes, seeds: definition.seeds.length || 1, interrupted, ...sweepTable(results, definition), runs: results };
  } finally {
    await lock.release();
  }
}
