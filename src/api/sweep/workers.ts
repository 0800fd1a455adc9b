import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { userError } from '../../diagnostics/diagnostic.js';
import { type FromWorker, type Job, type JobListener, runJob, type ToWorker, unpackFailure, type Worker } from './job.js';

/** Does jobs in this process. */
export const LOCAL_WORKER: Worker = { run: runJob, close: () => undefined };

/** Beside this file, as it was built or as it is. */
const SCRIPT = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url));

/**
 * Does jobs in a process of its own, which is started with the first one, and again after one that ended it. Its runs have the machine's
 * threads and memory beside those of other workers, and what ends it ends no other run.
 */
export class ProcessWorker implements Worker {
  #child: ChildProcess | undefined;

  #open(): ChildProcess {
    if (this.#child?.connected) return this.#child;
    // A debugger's port is for one process.
    const execArgv = process.execArgv.filter((option) => !option.startsWith('--inspect'));
    this.#child = fork(SCRIPT, [], { execArgv, serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    // Of a message that finds nobody any more; its end is told.
    this.#child.on('error', () => undefined);
    return this.#child;
  }

  run(job: Job, listener: JobListener, signal: AbortSignal): Promise<void> {
    const child = this.#open();
    const tell = (message: ToWorker) => {
      if (child.connected) child.send(message);
    };
    return new Promise((resolve, reject) => {
      const stop = () => tell({ kind: 'stop' });
      const take = (message: unknown) => {
        const said = message as FromWorker;
        if (said.kind === 'start') listener.onStart();
        else if (said.kind === 'notice') listener.onNotice(said.text);
        else if (said.kind === 'progress') listener.onProgress(said.progress);
        else settle(() => (said.failure === undefined ? resolve() : reject(unpackFailure(said.failure))));
      };
      const end = (code: number | null, ended: NodeJS.Signals | null) => {
        this.#child = undefined;
        const why = ended === null ? `it ended with exit code ${code}` : `${ended} ended it`;
        const fix = 'see to what ended it, such as a lack of memory; called again, the sweep goes on with this run';
        settle(() => reject(userError('AMP6208', 'the process of a run is gone', why, fix)));
      };
      const fail = (error: Error) => settle(() => reject(userError('AMP6208', 'no process could be started for a run', error.message)));
      const settle = (then: () => void) => {
        signal.removeEventListener('abort', stop);
        child.off('message', take).off('exit', end).off('error', fail);
        then();
      };
      child.on('message', take).on('exit', end).on('error', fail);
      signal.addEventListener('abort', stop);
      tell({ kind: 'run', job });
      if (signal.aborted) stop();
    });
  }

  /** Lets the process end. */
  close(): void {
    if (this.#child?.connected) this.#child.disconnect();
    this.#child = undefined;
  }
}
