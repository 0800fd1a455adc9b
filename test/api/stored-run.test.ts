import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRun } from '../../src/api/runs.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { readSource } from '../../src/files/source.js';
import { makeWorkspace, TINY, type Workspace } from '../support/tiny.js';

const CONFIG = { ampc: '0.1.0', file: 'tiny.amp', backend: 'cpu', settings: { batch: 8 }, shuffle: true, augment: true };

describe('what a run folder says of its run', () => {
  let work: Workspace;

  before(() => {
    work = makeWorkspace();
    mkdirSync(work.path('run'));
    work.file(join('run', 'tiny.amp'), TINY);
  });

  after(() => work.remove());

  async function read(config: unknown) {
    writeFileSync(join(work.path('run'), 'config.json'), JSON.stringify(config));
    return readRun(work.path('run'));
  }

  it('is read with what older versions did not write left out', async () => {
    const { choices, epochs, dropsLast } = await read(CONFIG);
    assert.deepEqual(choices, { backend: 'cpu', settings: { batch: 8 }, shuffle: true, augment: true });
    assert.deepEqual([epochs, dropsLast], [undefined, true]);
    assert.equal((await read({ ...CONFIG, recipe: { train: { epochs: 3, dropLast: false } } })).epochs, 3);
  });

  it('has the texts of the files that its source uses, and is refused when these are damaged', async () => {
    const used = [{ name: 'blocks.amp', path: 'blocks.amp', text: 'block Mine(x) { x |> relu }' }];
    work.file(join('run', 'used.json'), JSON.stringify(used));
    assert.deepEqual((await read(CONFIG)).source.used, used);
    assert.deepEqual((await readSource(join(work.path('run'), 'tiny.amp'))).used, used);
    for (const damaged of ['[', '{}', '[{"name": "blocks.amp"}]']) {
      work.file(join('run', 'used.json'), damaged);
      await assert.rejects(read(CONFIG), /AMP7205: .*used.json is damaged/);
    }
    rmSync(join(work.path('run'), 'used.json'));
  });

  const wrong: Readonly<Record<string, unknown>> = {
    backend: 'toString',
    settings: { batch: '8' },
    shuffle: 1,
    augment: null,
    maxSteps: -1,
    replan: 'often',
    images: 1.5,
    classes: ['cat', 3],
    data: {},
    recipe: { train: { epochs: 'many' } },
  };
  for (const [field, value] of Object.entries(wrong))
    it(`is refused when its ${field} is another thing, which is named`, async () => {
      await assert.rejects(read({ ...CONFIG, [field]: value }), (error) => {
        assert.ok(error instanceof UserError);
        const [{ code, message, why }] = error.diagnostics as [UserError['diagnostics'][number]];
        assert.equal(code, 'AMP7205');
        assert.match(`${message}: ${why}`, new RegExp(`config\\.json is damaged: its \`${field}\` is not what ampc train writes`));
        return true;
      });
    });
});
