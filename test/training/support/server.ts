import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the server treats one request; `from` is the first byte that was asked for. */
export type Behaviour = (body: Buffer, from: number, response: ServerResponse, request: IncomingMessage) => void;

function head(response: ServerResponse, body: Buffer, from: number): void {
  if (from === 0) {
    response.writeHead(200, { 'content-length': body.length });
    return;
  }
  response.writeHead(206, { 'content-length': body.length - from, 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` });
}

export const serve: Behaviour = (body, from, response) => {
  if (from >= body.length) {
    response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
    return;
  }
  head(response, body, from);
  response.end(body.subarray(from));
};

/** Closes the connection after `bytes` more bytes; the receiver may lose what it has not read by then. */
export function truncateAfter(bytes: number): Behaviour {
  return (body, from, response) => {
    head(response, body, from);
    response.write(body.subarray(from, from + bytes), () => response.destroy());
  };
}

/** Sends `bytes` more bytes and then nothing, keeping the connection open; `opened` gets what closes it. */
export function stallAfter(bytes: number, opened?: (close: () => void) => void): Behaviour {
  return (body, from, response) => {
    opened?.(() => response.destroy());
    head(response, body, from);
    response.write(body.subarray(from, from + bytes));
  };
}

export const ignoreRange: Behaviour = (body, _from, response) => serve(body, 0, response, undefined as never);

export const corrupt: Behaviour = (body, from, response, request) => {
  const damaged = Buffer.from(body);
  damaged[damaged.length >> 1] ^= 0xff;
  serve(damaged, from, response, request);
};

export function status(code: number): Behaviour {
  return (_body, _from, response) => response.writeHead(code).end('sorry');
}

export interface TestServer {
  readonly url: string;
  /** First bytes asked for, by request. */
  readonly asked: readonly number[];
}

/** Serves `body` on a loopback port; request k is treated by `behaviours[k]`, the last one holds for the rest. */
export async function withServer<T>(body: Buffer, behaviours: readonly Behaviour[], use: (server: TestServer) => Promise<T>): Promise<T> {
  const asked: number[] = [];
  const server = createServer((request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const behaviour = behaviours[Math.min(asked.length, behaviours.length - 1)];
    asked.push(from);
    behaviour(body, from, response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/archive.tar.gz`, asked });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
