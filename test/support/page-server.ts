import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const TYPES: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript', css: 'text/css', json: 'application/json' };

/** Serves files on loopback as any web host would: by their paths, and nothing else. */
export async function servePages(files: (path: string) => Uint8Array | string | undefined): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const path = pathname === '/' ? '/index.html' : pathname;
    const found = files(path);
    if (path === '/favicon.ico') return void response.writeHead(204).end();
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': TYPES[path.split('.').at(-1)!] ?? 'application/octet-stream' });
    response.end(found ?? '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
