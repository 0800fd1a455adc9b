import assert from 'node:assert/strict';
import { Frames } from '../../src/server/frames.js';
import { Gate, type Refusal } from '../../src/server/gate.js';

const frame = (body: unknown): string => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
};
const request = (id: number, method: string) => ({ jsonrpc: '2.0', id, method });
const notification = (method: string) => ({ jsonrpc: '2.0', method });

/** What a gate lets through of a stream, and what it refuses. */
async function pass(...parts: readonly string[]): Promise<{ readonly methods: readonly unknown[]; readonly refused: readonly Refusal[] }> {
  const refused: Refusal[] = [];
  const gate = new Gate((refusal) => refused.push(refusal));
  gate.end(parts.join(''));
  const through = Buffer.concat(await gate.toArray());
  const methods = new Frames().take(through).map((body) => (JSON.parse(String(body)) as { method?: string }).method);
  return { methods, refused };
}

const codes = (refused: readonly Refusal[]) => refused.map(({ id, code }) => [id, code]);

describe('the messages of an editor', () => {
  it('are the same, however their bytes arrive', () => {
    const bodies = ['{"a":"🙂"}', '{}', JSON.stringify({ text: 'x'.repeat(20_000) })];
    const bytes = Buffer.from(bodies.map(frame).join('').replace('Content-Length', 'Content-Type: x\r\ncontent-length'));
    for (const size of [1, 2, 7, 4096, bytes.length]) {
      const frames = new Frames();
      const found = [];
      for (let at = 0; at < bytes.length; at += size) found.push(...frames.take(bytes.subarray(at, at + size)));
      assert.deepEqual(found.map(String), bodies, `${size} bytes at a time`);
    }
  });

  it('are found again behind bytes that are no message, of which it is said once that they are', () => {
    const good = '{"a":1}';
    for (const garbage of [
      'No-Length: 2\r\n\r\n{}',
      '\r\n\r\n'.repeat(50_000),
      'Content-Length: many\r\n\r\n{"a":2}',
      `{${'x'.repeat(100_000)}`,
    ])
      assert.deepEqual(new Frames().take(Buffer.from(garbage + frame(good) + frame(good))).map(String), ['lost', good, good]);
  });

  it('begin with `initialize`: requests before it are refused, notifications left out', async () => {
    const { methods, refused } = await pass(
      ...[notification('textDocument/didOpen'), request(1, 'textDocument/hover'), request(2, 'shutdown'), request(3, 'initialize')].map(
        frame,
      ),
      ...[request(4, 'initialize'), request(5, 'textDocument/hover')].map(frame),
    );
    assert.deepEqual(methods, ['initialize', 'textDocument/hover', 'exit']);
    assert.deepEqual(codes(refused), [
      [1, -32002],
      [2, -32002],
      [4, -32600],
    ]);
  });

  it('end with `shutdown` and `exit`: requests between them are refused', async () => {
    const { methods, refused } = await pass(
      ...[request(1, 'initialize'), request(2, 'shutdown'), request(3, 'textDocument/hover'), notification('initialized')].map(frame),
      ...[{ jsonrpc: '2.0', id: 9, result: null }, request(4, 'shutdown'), notification('exit')].map(frame),
    );
    assert.deepEqual(methods, ['initialize', 'shutdown', undefined, 'exit', 'exit']);
    assert.deepEqual(codes(refused), [
      [3, -32600],
      [4, -32600],
    ]);
  });

  it('are JSON objects', async () => {
    const { methods, refused } = await pass(...['not json', '[]', 'null', '42', '{}', request(1, 'initialize')].map(frame));
    assert.deepEqual(methods, ['initialize', 'exit']);
    assert.deepEqual(codes(refused), [[null, -32700], ...Array.from({ length: 4 }, () => [null, -32600])]);
  });
});
