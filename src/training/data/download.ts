import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { type UserError, userError } from '../../diagnostics/diagnostic.js';
import { md5OfFile } from './md5-of-file.js';
import { failed, request } from './request.js';

export interface DownloadProgress {
  readonly received: number;
  /** Undefined when the server does not tell. */
  readonly total: number | undefined;
}

/** Calls `then` after `ms` milliseconds, unless what it returns is called before. */
export type StartTimer = (then: () => void, ms: number) => () => void;

const startTimer: StartTimer = (then, ms) => {
  const timer = setTimeout(then, ms);
  return () => clearTimeout(timer);
};

export interface DownloadOptions {
  readonly url: string;
  /** Where the finished file goes; `<path>.part` holds what has arrived so far, and a later call goes on from there. */
  readonly path: string;
  /** Hex digest that the finished file must have. */
  readonly md5: string;
  /** Bytes that the finished file must have; no more are taken from a server. */
  readonly size?: number | undefined;
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
  /** Silence of the server that counts as a failure, in milliseconds. */
  readonly stallMs?: number;
  /** What measures that silence; the system's timers unless given. */
  readonly startTimer?: StartTimer;
  /** Failures in a row without a new byte after which the download is given up. */
  readonly attempts?: number;
  /** Pause before the first retry, in milliseconds; doubles with each further failure. */
  readonly retryMs?: number;
}

const KEPT = 'what has arrived is kept: run the same command again to go on from there';

/** A failure that another attempt may cure. */
class Transient extends Error {}

function anotherFile(url: string, why: string): UserError {
  return userError(
    'AMP7012',
    `${url} is another file, or arrived damaged`,
    `${why}; what had arrived was removed`,
    'run the same command again; if it happens again, the address serves another file',
  );
}

async function fileSize(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

/** Rejects with Transient when nothing happens for `ms`; `touch` restarts the clock. */
class Watchdog {
  readonly controller = new AbortController();
  private cancel: () => void = () => {};
  stalled = false;

  constructor(
    private readonly ms: number,
    private readonly outer: AbortSignal | undefined,
    private readonly startTimer: StartTimer,
  ) {
    outer?.addEventListener('abort', this.stop);
    if (outer?.aborted) this.stop();
    this.touch();
  }

  private readonly stop = (): void => this.controller.abort();

  touch(): void {
    this.cancel();
    this.cancel = this.startTimer(() => {
      this.stalled = true;
      this.controller.abort();
    }, this.ms);
  }

  end(): void {
    this.cancel();
    this.outer?.removeEventListener('abort', this.stop);
  }
}

/** First byte that the answer holds and the size of the whole file, or undefined when the asked range lies past its end. */
function answeredRange(response: Response, asked: number, url: string): { start: number; total: number | undefined } | undefined {
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  if (response.status === 206) {
    const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
    if (match !== null && Number(match[1]) === asked) return { start: asked, total: match[2] === '*' ? undefined : Number(match[2]) };
    throw failed(
      url,
      'the server answered with another range than the one asked for',
      'try again; if it happens again, move the .part file away',
    );
  }
  if (response.status === 200) return { start: 0, total: Number.isNaN(length) ? undefined : length };
  if (response.status === 416) return undefined;
  const reason = `the server answered ${response.status}${response.statusText === '' ? '' : ` ${response.statusText}`}`;
  if (response.status >= 500 || response.status === 408 || response.status === 429) throw new Transient(reason);
  throw failed(url, reason, 'check the address, or fetch the archive by hand and unpack it into the data folder');
}

async function receive(
  response: Response,
  file: FileHandle,
  start: number,
  total: number | undefined,
  dog: Watchdog,
  options: DownloadOptions,
) {
  const { size } = options;
  if (size !== undefined && total !== undefined && total !== size)
    throw failed(
      options.url,
      `the server has a file of ${total} bytes, ${size} are published`,
      'try again later; if it happens again, the address serves another file',
    );
  await file.truncate(start);
  let received = start;
  options.onProgress?.({ received, total: total ?? size });
  if (response.body === null) throw new Transient('the answer has no body');
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    dog.touch();
    if (size !== undefined && received + chunk.length > size)
      throw anotherFile(options.url, `the server sends more than the ${size} bytes that are published`);
    await file.write(chunk, 0, chunk.length, received);
    received += chunk.length;
    options.onProgress?.({ received, total: total ?? size });
  }
  const whole = total ?? size;
  if (whole !== undefined && received < whole) throw new Transient(`the connection ended after ${received} of ${whole} bytes`);
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? `${message} (${cause.message || (cause as NodeJS.ErrnoException).code})` : message;
}

/** One request that continues the .part file. Throws Transient where trying again may help. */
async function attempt(options: DownloadOptions, part: string): Promise<void> {
  const dog = new Watchdog(options.stallMs ?? 30_000, options.signal, options.startTimer ?? startTimer);
  const file = await open(part, (await fileSize(part)) === undefined ? 'w+' : 'r+');
  try {
    const { size: there } = await file.stat();
    // More than the file has is not of it.
    const have = there > (options.size ?? there) ? 0 : there;
    // Without `identity` a server may mark a .gz as content-encoding, and fetch would unpack it.
    const headers = { 'accept-encoding': 'identity', ...(have > 0 && { range: `bytes=${have}-` }) };
    const response = await request(options.url, { headers, signal: dog.controller.signal });
    const range = answeredRange(response, have, options.url);
    if (range !== undefined) await receive(response, file, range.start, range.total, dog, options);
    else if (have === 0) throw new Transient('the server answered 416');
  } catch (error) {
    if (dog.stalled) throw new Transient(`nothing arrived for ${(options.stallMs ?? 30_000) / 1000} s`);
    if (options.signal?.aborted) throw failed(options.url, 'it was interrupted', KEPT);
    if (error instanceof Transient || (error as Error).name === 'UserError') throw error;
    if ((error as NodeJS.ErrnoException).syscall === 'write') throw failed(options.url, reasonOf(error), KEPT);
    throw new Transient(reasonOf(error));
  } finally {
    dog.end();
    await file.close();
  }
}

/**
 * Downloads a file, going on from an earlier part, past dropped and silent connections. The file appears under its name only when
 * complete and its size and md5 are right. Throws UserError AMP7011 (cannot be downloaded) or AMP7012 (another file, or damaged; the part
 * is removed).
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { url, path, attempts = 5, retryMs = 500 } = options;
  const part = `${path}.part`;
  for (let failures = 0; ; ) {
    const before = (await fileSize(part)) ?? 0;
    try {
      await attempt(options, part);
      break;
    } catch (error) {
      if (!(error instanceof Transient)) {
        // What is empty, or of another file, is nothing to go on from.
        const isOther = (error as UserError).diagnostics?.[0]?.code === 'AMP7012';
        if (isOther || (await fileSize(part)) === 0) await rm(part, { force: true });
        throw error;
      }
      failures = ((await fileSize(part)) ?? 0) > before ? 0 : failures + 1;
      if (failures >= attempts) {
        const isEmpty = (await fileSize(part)) === 0;
        if (isEmpty) await rm(part, { force: true });
        throw failed(url, error.message, isEmpty ? 'try again later, or fetch the file by hand into the data folder' : KEPT);
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs * 2 ** failures));
    }
  }
  const md5 = await md5OfFile(part);
  if (md5 !== options.md5) {
    await rm(part, { force: true });
    throw anotherFile(url, `its md5 is ${md5}, not ${options.md5}`);
  }
  await rename(part, path);
}
