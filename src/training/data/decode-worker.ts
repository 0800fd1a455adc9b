import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort } from 'node:worker_threads';
import { JOBS, type JobInput, type JobName } from './decode-jobs.js';

/** What a thread is asked, and its answer. */
export interface WorkerRequest {
  readonly id: number;
  readonly name: JobName;
  readonly input: JobInput<JobName>;
}
export type WorkerReply = { readonly id: number } & ({ readonly result: unknown } | { readonly error: unknown });

/**
 * A library keeps the pixels of a picture until its small object is collected, of which the engine takes its time: by default a
 * thread came to hundreds of MiB. Collecting the youngest after every few jobs takes less time than that memory does.
 */
const JOBS_BETWEEN = 4;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options: { readonly type: 'minor' }) => void;

/** One job after another, in the order in which they come. */
let last: Promise<void> = Promise.resolve();
let done = 0;

parentPort!.on('message', ({ id, name, input }: WorkerRequest) => {
  last = last.then(async () => {
    try {
      const job = JOBS[name] as (input: JobInput<JobName>) => Promise<unknown>;
      parentPort!.postMessage({ id, result: await job(input) } satisfies WorkerReply);
    } catch (error) {
      parentPort!.postMessage({ id, error } satisfies WorkerReply);
    }
    done++;
    if (done % JOBS_BETWEEN !== 0) return;
    // The event loop has to come round before what the last job held is free, and again before its memory is.
    await setImmediate();
    collect({ type: 'minor' });
    await setImmediate();
  });
});
