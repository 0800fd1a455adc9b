import { Worker } from 'node:worker_threads';
import { JOBS, type JobInput, type JobName, type JobResult } from './decode-jobs.js';
import type { WorkerReply, WorkerRequest } from './decode-worker.js';
import { defaultWorkers } from './default-workers.js';

/** Jobs that a thread has at once: the next one is there when it has done the first. */
const DEPTH = 2;

interface Task {
  readonly name: JobName;
  readonly input: JobInput<JobName>;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly tasks: Map<number, Task>;
}

/** Where the sources themselves are run, by tsx, each thread has to be told how to read them. */
function startWorker(): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./decode-worker.js', import.meta.url));
  const file = JSON.stringify(new URL('./decode-worker.ts', import.meta.url).href);
  return new Worker(`import('tsx/esm/api').then(({ register }) => { register(); return import(${file}); })`, { eval: true });
}

/**
 * Threads that decode pictures beside everything else. They start when there is something to do, and keep no process from ending. With
 * none of them the jobs are done on the calling thread, in turns with what else it does.
 */
export class DecodePool {
  private readonly threads: Thread[] = [];
  private readonly urgent: Task[] = [];
  private readonly later: Task[] = [];
  private next = 0;
  private isWorking = false;

  constructor(private readonly size: number) {}

  /** `urgent`: somebody waits for it. */
  run<Name extends JobName>(name: Name, input: JobInput<Name>, urgent = true): Promise<JobResult<Name>> {
    return new Promise<JobResult<Name>>((resolve, reject) => {
      (urgent ? this.urgent : this.later).push({ name, input, resolve, reject });
      this.distribute();
    });
  }

  /** Some at a time, in their order. Rejects with the first error or the signal's reason, when nothing that was begun is still at work. */
  async runAll<Name extends JobName>(
    name: Name,
    count: number,
    input: (at: number) => JobInput<Name>,
    take: (result: JobResult<Name>, at: number) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    let next = 0;
    const failures: unknown[] = [];
    const lane = async (): Promise<void> => {
      try {
        while (next < count) {
          const at = next++;
          signal?.throwIfAborted();
          take(await this.run(name, input(at)), at);
        }
      } catch (error) {
        next = count;
        failures.push(error);
      }
    };
    await keepingAlive(Promise.all(Array.from({ length: Math.min(count, 1 + DEPTH * this.size) }, lane)));
    if (failures.length > 0) throw failures[0];
  }

  private take(): Task | undefined {
    return this.urgent.shift() ?? this.later.shift();
  }

  private distribute(): void {
    if (this.size === 0) {
      if (!this.isWorking) void this.workHere();
      return;
    }
    while (this.urgent.length + this.later.length > 0) {
      const idle = this.threads.reduce<Thread | undefined>((a, b) => (a !== undefined && a.tasks.size <= b.tasks.size ? a : b), undefined);
      const isFull = idle === undefined || idle.tasks.size > 0;
      const thread = isFull && this.threads.length < this.size ? this.start() : idle!;
      if (thread.tasks.size >= DEPTH) return;
      const task = this.take()!;
      const id = this.next++;
      thread.tasks.set(id, task);
      thread.worker.postMessage({ id, name: task.name, input: task.input } satisfies WorkerRequest);
    }
  }

  private async workHere(): Promise<void> {
    this.isWorking = true;
    for (let task = this.take(); task !== undefined; task = this.take()) {
      await new Promise((resolve) => setImmediate(resolve));
      try {
        task.resolve((await (JOBS[task.name] as (input: unknown) => Promise<unknown>)(task.input)) as never);
      } catch (error) {
        task.reject(error);
      }
    }
    this.isWorking = false;
  }

  private start(): Thread {
    const worker = startWorker();
    const thread: Thread = { worker, tasks: new Map() };
    worker.on('message', (reply: WorkerReply) => {
      const task = thread.tasks.get(reply.id)!;
      thread.tasks.delete(reply.id);
      if ('error' in reply) task.reject(reply.error);
      else task.resolve(reply.result as never);
      this.distribute();
    });
    const drop = (error: unknown): void => {
      const at = this.threads.indexOf(thread);
      if (at >= 0) this.threads.splice(at, 1);
      for (const task of thread.tasks.values()) task.reject(error);
      thread.tasks.clear();
    };
    worker.on('error', drop);
    worker.on('exit', (code) => drop(new Error(`a thread that decodes pictures ended with code ${code}`)));
    worker.unref();
    this.threads.push(thread);
    return thread;
  }
}

const pools = new Map<number, DecodePool>();

/** The pool of so many threads, which all data sets of the process share. */
export function decodePool(workers: number = defaultWorkers()): DecodePool {
  const known = pools.get(workers) ?? new DecodePool(workers);
  pools.set(workers, known);
  return known;
}

/** What is waited for, for which the process does not end meanwhile though nothing but threads of a pool is at work. */
export async function keepingAlive<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => undefined, 2 ** 30);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}
