import { type Diagnostic, type Source, UserError } from '../../diagnostics/diagnostic.js';
import type { BackendName } from '../../plan/target.js';
import type { TrainProgress } from '../../training/events.js';
import { type TrainOptions, train } from '../train.js';
import type { SharedOptions } from './shared-options.js';

/** A run to be trained or gone on with: plain data, so that another process can do it. */
export interface Job {
  readonly source: Source;
  readonly options: SharedOptions & Pick<TrainOptions, 'out' | 'resume' | 'threads' | 'compileAll'> & { readonly backend: BackendName };
}

export interface JobListener {
  /** The run's plan is compiled. */
  readonly onStart: () => void;
  readonly onNotice: (text: string) => void;
  readonly onProgress: (progress: TrainProgress) => void;
}

/** Something that does one job at a time. */
export interface Worker {
  /** Resolves when the run has ended, or was told to stop; rejects as `train`. */
  run(job: Job, listener: JobListener, signal: AbortSignal): Promise<void>;
  close(): void;
}

export async function runJob({ source, options }: Job, listener: JobListener, signal: AbortSignal): Promise<void> {
  await train(source, {
    ...options,
    signal,
    onNotice: listener.onNotice,
    onProgress: listener.onProgress,
    onEvent: ({ event }) => {
      if (event === 'start') listener.onStart();
    },
  });
}

/** What the two processes tell each other. */
export type ToWorker = { readonly kind: 'run'; readonly job: Job } | { readonly kind: 'stop' };

export type FromWorker =
  | { readonly kind: 'start' }
  | { readonly kind: 'notice'; readonly text: string }
  | { readonly kind: 'progress'; readonly progress: TrainProgress }
  | { readonly kind: 'end'; readonly failure?: Failure };

/** An error on its way between processes. */
export type Failure =
  | { readonly kind: 'user'; readonly diagnostics: readonly Diagnostic[]; readonly source?: Source | undefined }
  | { readonly kind: 'abort' }
  | { readonly kind: 'bug'; readonly message: string; readonly stack: string };

export function packFailure(error: unknown): Failure {
  if (error instanceof UserError) return { kind: 'user', diagnostics: error.diagnostics, source: error.source };
  if (error instanceof Error && error.name === 'AbortError') return { kind: 'abort' };
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  return { kind: 'bug', message, stack };
}

export function unpackFailure(failure: Failure): Error {
  switch (failure.kind) {
    case 'user':
      return new UserError(failure.diagnostics, failure.source);
    case 'abort':
      return Object.assign(new Error('interrupted'), { name: 'AbortError' });
    case 'bug':
      return Object.assign(new Error(failure.message), { stack: failure.stack });
  }
}
