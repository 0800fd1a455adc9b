import { parentPort } from 'node:worker_threads';
import { JOBS, type JobInput, type JobName } from './decode-jobs.js';

/** What a thread is asked, and its answer. */
export interface WorkerRequest {
  readonly id: number;
  readonly name: JobName;
  readonly input: JobInput<JobName>;
}
export type WorkerReply = { readonly id: number } & ({ readonly result: unknown } | { readonly error: unknown });

/** One job after another, in the order in which they come. */
let last: Promise<void> = Promise.resolve();

parentPort!.on('message', ({ id, name, input }: WorkerRequest) => {
  last = last.then(async () => {
    try {
      const job = JOBS[name] as (input: JobInput<JobName>) => Promise<unknown>;
      parentPort!.postMessage({ id, result: await job(input) } satisfies WorkerReply);
    } catch (error) {
      parentPort!.postMessage({ id, error } satisfies WorkerReply);
    }
  });
});
