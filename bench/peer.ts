import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { BackendName } from '../src/index.js';
import type { Precision, Work } from './works.js';

/** What both sides are told to get ready; times are then asked for with `run`. */
export interface Prepare {
  /** A file of examples, without its ending. */
  readonly model: string;
  readonly optimizer: Work['optimizer'];
  readonly kind: Work['kind'];
  readonly batch: number;
  readonly precision: Precision;
  readonly threads: number;
  /** Untimed repetitions. */
  readonly warmup: number;
  /** Images of the data set, for `epoch`. */
  readonly images: number;
  /** Batches of an epoch at most. */
  readonly batches: number;
  /** ampc's side: where it runs, if not on the processor. */
  readonly backend?: BackendName;
  /** Steps in a row whose time is shared out among them; ten where nothing is said. */
  readonly row?: number;
}

export interface RunReply {
  /** Milliseconds of each repetition. */
  readonly ms: readonly number[];
  /** Of `epoch`, ampc's side: a step without the data pipeline. */
  readonly step_ms?: number;
}

type Reply = Readonly<Record<string, unknown>>;

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** The end of what a failed process printed. */
function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' | ');
}

/**
 * One side of the comparison: a process that answers JSON lines with JSON lines, one at a time, and does nothing while it is not asked.
 * It is a process of its own so that its memory is its own, and so that it can be ended when it takes too long.
 */
export class Peer {
  readonly #child: ChildProcessWithoutNullStreams;
  #waiting: Waiting | undefined;
  #stderr = '';
  #ended: string | undefined;

  constructor(
    readonly label: string,
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#child = spawn(command, [...args], { stdio: 'pipe', env: { ...process.env, ...env } });
    this.#child.on('error', (error) => this.#end(error.message));
    this.#child.on('close', (code, signal) => this.#end(`it ended with ${signal ?? code}: ${lastLines(this.#stderr)}`));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-8192);
    });
    // A process that is gone closes the pipe; `close` tells why.
    this.#child.stdin.on('error', () => {});
    createInterface(this.#child.stdout).on('line', (line) => this.#answer(line));
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    this.#waiting?.reject(new Error(`${this.label}: ${this.#ended}`));
    this.#waiting = undefined;
  }

  #answer(line: string): void {
    // Libraries print to stdout too.
    if (!line.startsWith('{')) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    const reply = JSON.parse(line) as Reply;
    if (typeof reply.error === 'string') waiting?.reject(new Error(`${this.label}: ${reply.error}`));
    else waiting?.resolve(reply);
  }

  /** Rejects with the side's own error, when it ends, or after `seconds`, which ends it. */
  async request<T extends object>(message: object, seconds = 3600): Promise<T> {
    if (this.#ended !== undefined) throw new Error(`${this.label}: ${this.#ended}`);
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#waiting = { resolve: (reply) => resolve(reply as T), reject };
        timer = setTimeout(() => {
          this.#end(`no answer in ${seconds} s`);
          this.#child.kill('SIGKILL');
        }, seconds * 1000);
        this.#child.stdin.write(`${JSON.stringify(message)}\n`);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  prepare<T extends object>(message: Prepare & Readonly<Record<string, unknown>>, seconds?: number): Promise<T> {
    return this.request({ command: 'prepare', ...message }, seconds);
  }

  run(steps: number, seconds?: number): Promise<RunReply> {
    return this.request({ command: 'run', steps }, seconds);
  }

  /** Ends the process; resolves when it is gone. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    const gone = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }
}
