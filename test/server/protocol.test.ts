import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { Frames } from '../../src/server/frames.js';
import { mainScript } from '../support/main-script.js';

interface Answer {
  readonly id: number | null;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

const framed = (message: unknown): string => {
  const text = JSON.stringify(message);
  return `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
};
const request = (id: number, method: string, params: unknown = {}) => framed({ jsonrpc: '2.0', id, method, params });
const INITIALIZE = request(1, 'initialize', { processId: process.pid, rootUri: null, capabilities: {} });

/** What `ampc lsp` answers to bytes, and how it ends when there are no more. */
async function serve(
  bytes: string,
): Promise<{ readonly code: number | null; readonly answers: readonly Answer[]; readonly stderr: string }> {
  const { args, env } = mainScript();
  const child = spawn(process.execPath, [...args, 'lsp', '--stdio'], { env: { ...process.env, ...env } });
  const frames = new Frames();
  const answers: Answer[] = [];
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => answers.push(...frames.take(data).map((body) => JSON.parse(String(body)) as Answer)));
  child.stderr.on('data', (data: Buffer) => {
    stderr += String(data);
  });
  const code = new Promise<number | null>((resolve) => child.on('close', resolve));
  child.stdin.write(bytes);
  // All that is asked is answered in order, and what is refused at once.
  await new Promise<void>((resolve) => {
    child.stdout.on('data', () => answers.some(({ id }) => id === 99) && resolve());
    child.on('close', () => resolve());
  });
  child.stdin.end();
  return { code: await code, answers, stderr };
}

describe('ampc lsp, as a process', function () {
  this.timeout(60_000);

  it('goes on behind a header without a length, and answers what comes too early with the code of the protocol', async () => {
    const position = { textDocument: { uri: 'file:///none.amp' }, position: { line: 0, character: 0 } };
    const { code, answers, stderr } = await serve(
      `${request(7, 'textDocument/hover', position)}${INITIALIZE}Garbage\r\n\r\n{}${request(99, 'textDocument/hover', position)}`,
    );
    const found = answers.map(({ id, error }) => [id, error?.code]);
    for (const one of [
      [7, -32002],
      [null, -32700],
      [1, undefined],
      [99, undefined],
    ])
      assert.ok(
        found.some(([id, error]) => id === one[0] && error === one[1]),
        JSON.stringify(found),
      );
    // The editor went without a word.
    assert.deepEqual([code, stderr], [1, '']);
  });

  it('answers nothing behind `shutdown`, and then ends well', async () => {
    const { code, answers, stderr } = await serve(`${INITIALIZE}${request(2, 'shutdown', null)}${request(99, 'textDocument/hover')}`);
    assert.equal(answers.find(({ id }) => id === 99)?.error?.code, -32600);
    assert.deepEqual([code, stderr], [0, '']);
  });
});
