import { readFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { userError } from '../diagnostics/diagnostic.js';
import { errorCode, fileReason } from '../files/reason.js';
import { extname, join } from '../platform/path.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
};

export interface Answer {
  readonly status: number;
  readonly body: string | Uint8Array;
  /** By whose ending the type is told. */
  readonly name?: string;
}

export const NOT_FOUND: Answer = { status: 404, body: 'no such file\n' };

/**
 * A page as `npm run build:playground` made it in a folder: its text. Throws UserError AMP6062 where it was not built; `what`: such as `the
 * playground`.
 */
export async function builtPage(folder: string, what: string): Promise<string> {
  return readFile(join(folder, 'index.html'), 'utf8').catch(() => {
    throw userError('AMP6062', `${what} is not built`, `there is no page in ${folder}`, 'run `npm run build:playground`');
  });
}

/** Another file of the page in a folder, by its name. */
export async function builtFile(folder: string, name: string): Promise<Answer> {
  const body = /^\w[\w.-]*$/.test(name) ? await readFile(join(folder, name)).catch(() => undefined) : undefined;
  return body === undefined ? NOT_FOUND : { status: 200, body, name };
}

/** What a page asks for: a path that begins with `/`, and the words behind `?`. */
export type Handle = (path: string, query: URLSearchParams) => Answer | Promise<Answer>;

export interface LoopbackServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Another name that leads here, or a page of another origin, is another site's. */
function isForeign({ host, origin, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  if (host === undefined || !/^(127\.0\.0\.1|localhost):\d+$/.test(host)) return true;
  return (origin !== undefined && origin !== `http://${host}`) || site === 'cross-site' || site === 'same-site';
}

/**
 * Answers what pages of this machine read, over HTTP on the loopback interface alone, at `port` or one that is free. Writes nothing. Throws
 * UserError AMP6063 where the port cannot be had.
 */
export async function serveLoopback(handle: Handle, port = 0): Promise<LoopbackServer> {
  const server = createServer(async ({ url = '/', method, headers }, response) => {
    const {
      status,
      body,
      name = '',
    } = await (async (): Promise<Answer> => {
      if (isForeign(headers)) return { status: 403, body: 'not for another site\n' };
      if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: 'only files are read\n' };
      const [path = '/', query] = url.split('?', 2);
      try {
        return await handle(path, new URLSearchParams(query));
      } catch (error) {
        return { status: 500, body: `${(error as Error).message}\n` };
      }
    })();
    response.writeHead(status, {
      'content-type': TYPES[extname(name)] ?? 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    });
    response.end(method === 'HEAD' ? undefined : body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const why = errorCode(error) === 'EADDRINUSE' ? 'another program listens there' : fileReason(error);
      reject(
        userError('AMP6063', `port ${port} cannot be had`, why, 'give another one with --port, or none: then one that is free is taken'),
      );
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
