import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { selectBackend } from '../../src/runtime/select.js';
import { LOADER } from '../support/main-script.js';
import { skip } from '../support/skip.js';
import { TINY, useTiny } from '../support/tiny.js';

const DOCUMENT = readFileSync('docs/api.md', 'utf8');
const PACKAGE = resolve('src/index.ts');

/** The modules above the reference, each an example. */
const EXAMPLES = [...DOCUMENT.slice(0, DOCUMENT.indexOf('# Reference')).matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);

describe('docs/api.md', () => {
  const tiny = useTiny();

  it('every example runs, in the order in which they stand', async function () {
    this.timeout(300_000);
    await selectBackend('cpu').catch((error: Error) => skip(this, error.message));
    assert.ok(EXAMPLES.length >= 7);
    tiny.file('net.amp', TINY.replace('compute fp16', 'compute fp32'));
    await sharp({ create: { width: 40, height: 30, channels: 3, background: '#357' } })
      .png()
      .toFile(tiny.path('picture.png'));
    copyFileSync('test/fixtures/onnx/plain-script.onnx', tiny.path('model.onnx'));
    const names = EXAMPLES.map((code, i) => {
      const name = `example${i}.mts`;
      writeFileSync(tiny.path(name), code.replaceAll(/from 'ampc'/g, `from ${JSON.stringify(pathToFileURL(PACKAGE).href)}`));
      return name;
    });
    const marked = names.map((name, i) => `console.log('# ${i}'); await import('./${name}');`);
    writeFileSync(tiny.path('all.mts'), `${marked.join('\n')}\nconsole.log('# end');\n`);
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', LOADER, 'all.mts'], {
      cwd: tiny.dir,
      env: { ...process.env, AMPC_DATA: tiny.data },
    });
    const told = stdout.split(/^# \w+\n/m).slice(1);
    assert.equal(told.length, EXAMPLES.length + 1, stdout);
    const [callbacks, resumed, predicted, drawn, planned, mistakes, imported] = told;
    assert.match(callbacks!, /epoch 3: 0\.\d+\n.*net-1 0\.\d+ true 3\n$/);
    assert.match(resumed!, /^true\n\d/);
    assert.match(predicted!, /class\d 10\n/);
    assert.match(drawn!, /^[01]/);
    assert.match(planned!, /^Tiny /);
    assert.match(mistakes!, /AMP\d{4}.*flaten/s);
    assert.match(imported!, /imported\/model\.amp imported\/model\.safetensors \[\]/);
  });
});
