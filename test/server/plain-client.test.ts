import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { CodeLensRequest, InlayHintRequest } from 'vscode-languageserver-protocol/node';
import { EditorClient } from './client.js';

const NET = readFileSync(new URL('../../examples/quickstart.amp', import.meta.url), 'utf8');

describe('an editor', function () {
  this.timeout(60_000);

  it('that cannot be told to ask again has hints and lenses of the text as it is now, once its plan is there', async () => {
    const { client } = await EditorClient.start({}, {});
    const uri = 'file:///net.amp';
    const range = { start: { line: 0, character: 0 }, end: { line: 100, character: 0 } };
    const ask = async () => {
      const hints = await client.connection.sendRequest(InlayHintRequest.type, { textDocument: { uri }, range });
      const lenses = await client.connection.sendRequest(CodeLensRequest.type, { textDocument: { uri } });
      return {
        hint: hints?.find(({ position }) => NET.split('\n')[position.line]!.includes('as conv1'))?.label,
        lens: lenses?.[0]?.command?.title,
      };
    };
    await client.open(uri, NET);
    const first = await ask();
    assert.equal(first.hint, '[32, 32, 32] fp16');
    await client.change(uri, NET.replace('conv2d(32,', 'conv2d(16,').replace('compute fp16', 'compute bf16'));
    const second = await ask();
    assert.equal(second.hint, '[32, 32, 16] bf16');
    assert.match(first.lens!, /parameters/);
    assert.notEqual(first.lens, second.lens);
    await client.change(uri, `${NET}}`);
    assert.equal((await ask()).hint, '[32, 32, 32] bf16');
    assert.equal(await client.stop(), 0);
    assert.equal(client.errors, '');
  });

  it('that is gone is missed by nobody, whatever it was asked', async () => {
    const asked = { configuration: true, didChangeConfiguration: { dynamicRegistration: true }, inlayHint: { refreshSupport: true } };
    const { client } = await EditorClient.start({}, { workspace: asked });
    await client.open('file:///net.amp', NET);
    client.connection.end();
    assert.deepEqual([await client.exit, client.errors], [1, '']);
  });
});
