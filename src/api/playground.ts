import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { userError } from '../diagnostics/diagnostic.js';
import { isFolder } from '../files/is-folder.js';
import { readSource } from '../files/source.js';
import { extname, join } from '../platform/path.js';
import { openRun } from '../training/run-folder.js';

/** What `npm run build:playground` writes. */
const BUILT = fileURLToPath(new URL('../../dist/playground', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

export interface PlaygroundOptions {
  /** Default: one that is free. */
  readonly port?: number | undefined;
  /** The folder with the page; default: that of the package. */
  readonly folder?: string | undefined;
}

export interface Playground {
  readonly url: string;
  close(): Promise<void>;
}

/** The program to begin with: of a file, or of a run. */
async function programOf(target: string): Promise<string> {
  return (await isFolder(target)) ? (await openRun(target)).source.text : (await readSource(target)).text;
}

/** The page with a program in it, in the form of JSON that no text can leave. */
function pageWith(page: string, text: string): string {
  return page.replace('id="given"></script>', () => `id="given">${JSON.stringify(text).replaceAll('<', '\\u003c')}</script>`);
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/**
 * Serves the playground on this machine alone: its files, which a browser runs; nothing is computed here, and nothing comes back. Throws
 * UserError: AMP6062 where the page was not built, and as `readSource`.
 */
export async function servePlayground(target: string | undefined, options: PlaygroundOptions = {}): Promise<Playground> {
  const { folder = BUILT, port = 0 } = options;
  const page = await readFile(join(folder, 'index.html'), 'utf8').catch(() => {
    throw userError('AMP6062', 'the playground is not built', `there is no page in ${folder}`, 'run `npm run build:playground`');
  });
  const text = target === undefined ? undefined : await programOf(target);
  const index = text === undefined ? page : pageWith(page, text);
  const server = createServer(async ({ url = '/', method, headers }, response) => {
    const answer = (status: number, body: string | Uint8Array, name = ''): void => {
      response.writeHead(status, {
        'content-type': TYPES[extname(name)] ?? 'text/plain; charset=utf-8',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      });
      response.end(method === 'HEAD' ? undefined : body);
    };
    // Another name that leads here is another site's.
    if (!/^(127\.0\.0\.1|localhost):\d+$/.test(headers.host ?? '')) return answer(403, 'another host\n');
    if (method !== 'GET' && method !== 'HEAD') return answer(405, 'only files are read\n');
    const name = /^\/([\w.-]*)(\?.*)?$/.exec(url)?.[1];
    if (name === '' || name === 'index.html') return answer(200, index, 'index.html');
    if (name === undefined || name.startsWith('.')) return answer(404, 'no such file\n');
    const bytes = await readFile(join(folder, name)).catch(() => undefined);
    return bytes === undefined ? answer(404, 'no such file\n') : answer(200, bytes, name);
  });
  const taken = await listen(server, port);
  return {
    url: `http://127.0.0.1:${taken}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
