import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { moduleFolders } from '../../src/runtime/packages.js';
import { findBinding, HOW_TO_INSTALL, loadBinding } from '../../src/runtime/tensorflow/binding.js';
import { createBackend, targetOf } from '../../src/runtime/tensorflow/index.js';
import { planOf } from '../support/network.js';
import { makeWorkspace, type Workspace } from '../support/tiny.js';
import { requireTensorflow } from './support.js';

describe('the addon of TensorFlow.js', () => {
  let workspace: Workspace;
  let folder: string;

  beforeEach(() => {
    workspace = makeWorkspace();
    folder = process.cwd();
    process.chdir(workspace.dir);
  });

  afterEach(() => {
    process.chdir(folder);
    workspace.remove();
  });

  /** As if ampc were installed in the workspace. */
  const search = (env: NodeJS.ProcessEnv) => findBinding(env, moduleFolders(join(workspace.dir, 'node_modules', 'ampc'), env));

  function install(name: string, complete: boolean): void {
    const root = join(workspace.dir, 'node_modules', name);
    mkdirSync(join(root, 'lib', 'napi-v8'), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{}');
    if (complete) writeFileSync(join(root, 'lib', 'napi-v8', 'tfjs_binding.node'), 'not a library');
  }

  it('is looked for in the variable, then in the GPU package, then in the other', () => {
    assert.deepEqual(search({}), { reason: 'no TensorFlow.js is installed' });
    install('@tensorflow/tfjs-node', true);
    assert.equal((search({}) as { origin: string }).origin, '@tensorflow/tfjs-node');
    install('@tensorflow/tfjs-node-gpu', true);
    assert.equal((search({}) as { origin: string }).origin, '@tensorflow/tfjs-node-gpu');
    const path = workspace.file('my.node', '');
    assert.deepEqual(search({ AMPC_TFJS_BINDING: path }), { path, origin: 'AMPC_TFJS_BINDING' });
  });

  it('is missing with the reason', () => {
    install('@tensorflow/tfjs-node', false);
    assert.match((search({}) as { reason: string }).reason, /tfjs-node is installed without its native addon/);
    assert.match((search({ AMPC_TFJS_BINDING: 'nowhere.node' }) as { reason: string }).reason, /does not exist/);
    assert.match((search({ AMPC_TFJS_BINDING: 'package.json' }) as { reason: string }).reason, /not a tfjs_binding.node/);
  });

  it('is not taken from the working folder', () => {
    install('@tensorflow/tfjs-node', true);
    const elsewhere = moduleFolders('/nowhere/ampc', {});
    assert.deepEqual(findBinding({}, elsewhere), { reason: 'no TensorFlow.js is installed' });
    const env = { AMPC_MODULES: join(workspace.dir, 'node_modules') };
    assert.equal((findBinding(env, moduleFolders('/nowhere/ampc', env)) as { origin: string }).origin, '@tensorflow/tfjs-node');
  });

  it('tells both ways to get it, and why it does not load', async () => {
    const before = process.env.AMPC_TFJS_BINDING;
    try {
      process.env.AMPC_TFJS_BINDING = workspace.file('broken.node', 'not a library');
      const { available, reason, target } = await createBackend().probe();
      assert.equal(available, false);
      assert.match(reason!, /broken\.node does not load/);
      assert.ok(reason!.endsWith(HOW_TO_INSTALL));
      assert.deepEqual(target.low, ['f16', 'bf16']);
    } finally {
      if (before === undefined) delete process.env.AMPC_TFJS_BINDING;
      else process.env.AMPC_TFJS_BINDING = before;
    }
    assert.match(HOW_TO_INSTALL, /npm install @tensorflow\/tfjs-node-gpu.*AMPC_TFJS_BINDING/);
  });

  it('has no bf16 on a GPU with an old TensorFlow', () => {
    assert.deepEqual(targetOf('2.9.1', true).low, ['f16']);
    assert.deepEqual(targetOf('2.9.1', false).low, ['f16', 'bf16']);
    assert.deepEqual(targetOf('2.21.0', true).low, ['f16', 'bf16']);
  });

  it('refuses a bf16 plan there, and says so before anything runs', async () => {
    const path = realpathSync(workspace.file('gpu.node', ''));
    const before = process.env.AMPC_TFJS_BINDING;
    const cache = createRequire(import.meta.url).cache;
    // Stands in for an addon that found a GPU.
    cache[path] = { exports: { TF_Version: '2.9.1', isUsingGpuDevice: () => true }, loaded: true } as NodeJS.Module;
    try {
      process.env.AMPC_TFJS_BINDING = path;
      const { device, software, target, details } = await createBackend().probe();
      assert.match(device!, /TensorFlow 2\.9\.1$/);
      assert.deepEqual([software, target.low, details!.GPU], [false, ['f16'], 'yes']);
      const plan = planOf(({ image, call }) => call('linear', call('flatten', image), { features: 10 }), {
        precision: { compute: 'bf16' },
      });
      await assert.rejects(createBackend().load(plan), /lacks bf16 on a GPU/);
    } finally {
      delete cache[path];
      if (before === undefined) delete process.env.AMPC_TFJS_BINDING;
      else process.env.AMPC_TFJS_BINDING = before;
    }
  });

  it('tells the version, and whether a GPU is used', async function () {
    await requireTensorflow(this);
    const { device, details } = await createBackend().probe();
    const located = findBinding();
    assert.ok('path' in located);
    const binding = loadBinding(located);
    assert.ok(device!.endsWith(`TensorFlow ${binding.TF_Version}`));
    assert.match(details!.GPU!, binding.isUsingGpuDevice() ? /^yes/ : /^no: /);
  });
});
