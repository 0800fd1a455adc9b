import assert from 'node:assert/strict';
import { setImmediate as breathe } from 'node:timers/promises';
import { Session } from '../../src/server/session.js';

const NET = 'model Net(image: [32, 32, 3]) -> [10] {\n  image |> flatten |> linear(10)\n}\n';

describe('a session of an editor', () => {
  it('tells what is wrong with a text also where something else asked about it first', async () => {
    const told: (readonly string[])[] = [];
    const failures: unknown[] = [];
    const session = new Session({
      publish: (_uri, _version, diagnostics) => told.push(diagnostics.map(({ code }) => String(code))),
      planned: () => {},
      failed: (error) => failures.push(error),
    });
    const uri = 'file:///net.amp';
    session.documents.set({ uri, version: 1, text: NET });
    session.changed();
    await breathe();
    session.documents.change(uri, 2, [{ text: NET.replace('flatten', 'flaten') }]);
    session.changed();
    assert.equal(session.analysis(uri)!.diagnostics.length, 1);
    await breathe();
    await breathe();
    assert.deepEqual([told, failures], [[[], ['AMP2001']], []]);
    session.closed(uri);
  });
});
