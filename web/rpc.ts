/** Functions of a worker, called from a page as if they were its own. */
import { explained } from './explained.js';

// biome-ignore lint/suspicious/noExplicitAny: any function whose arguments and result can be posted
export type Functions = Readonly<Record<string, (...args: any[]) => unknown>>;

export type Remote<F extends Functions> = {
  readonly [Name in keyof F]: (...args: Parameters<F[Name]>) => Promise<Awaited<ReturnType<F[Name]>>>;
};

interface Request {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

function messageOf(error: unknown): string {
  try {
    return explained(error);
  } catch {
    return (error as Error).message;
  }
}

/** In the worker: answers what the page asks. */
export function serve(functions: Functions): void {
  self.addEventListener('message', async ({ data: { id, name, args } }: MessageEvent<Request>) => {
    try {
      self.postMessage({ id, result: await functions[name]!(...args) } satisfies Reply);
    } catch (error) {
      self.postMessage({ id, error: messageOf(error) } satisfies Reply);
    }
  });
}

/** In the page. The worker is opened by the first call; `onEvent` is told of what it posts by itself. */
export function connect<F extends Functions>(open: () => Worker, onEvent: (data: unknown) => void = () => undefined): Remote<F> {
  const waiting = new Map<number, { readonly resolve: (result: unknown) => void; readonly reject: (error: Error) => void }>();
  let next = 0;
  let worker: Worker | undefined;
  const opened = (): Worker => {
    const made = open();
    made.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
      const call = waiting.get(data.id);
      if (call === undefined) return onEvent(data);
      waiting.delete(data.id);
      if (data.error === undefined) call.resolve(data.result);
      else call.reject(new Error(data.error));
    });
    return made;
  };
  const call =
    (name: string) =>
    (...args: readonly unknown[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const id = next++;
        waiting.set(id, { resolve, reject });
        worker ??= opened();
        worker.postMessage({ id, name, args } satisfies Request);
      });
  return new Proxy({}, { get: (_, name) => call(String(name)) }) as Remote<F>;
}
