import assert from 'node:assert/strict';
import { realpathSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { findCompiler } from '../../src/runtime/cpu/compiler.js';
import { detectTarget } from '../../src/runtime/cpu/detect.js';
import { createBackend } from '../../src/runtime/cpu/index.js';
import { environment } from '../support/environment.js';
import { makeWorkspace } from '../support/tiny.js';

describe('finding a C compiler', () => {
  const set = environment(['AMPC_CC', 'CC', 'PATH', 'AMPC_ISA']);

  it('takes AMPC_CC before CC before the PATH', async () => {
    set({ AMPC_CC: undefined, CC: undefined });
    const found = await findCompiler();
    assert.equal(found.origin, 'PATH');
    const path = found.command[0];
    set({ CC: path });
    assert.equal((await findCompiler()).origin, 'CC');
    set({ AMPC_CC: `${path} -pipe` });
    const chosen = await findCompiler();
    assert.equal(chosen.origin, 'AMPC_CC');
    assert.deepEqual(chosen.command, [path, '-pipe']);
  });

  it('does not fall back from a compiler that was named', async () => {
    set({ AMPC_CC: '/no/such/compiler' });
    await assert.rejects(
      findCompiler(),
      (error: UserError) => error instanceof UserError && /AMPC_CC names does not run/.test(error.message),
    );
  });

  it('says both ways to get one when there is none', async () => {
    set({ AMPC_CC: undefined, CC: undefined, PATH: '' });
    const info = await createBackend().probe();
    assert.equal(info.available, false);
    assert.match(info.reason!, /npm install @zigc\/cli@0\.16/);
    assert.match(info.reason!, /gcc|xcode-select|LLVM/);
  });

  it('names the processor and its instruction set', async () => {
    set({ AMPC_ISA: 'plain' });
    const info = await createBackend().probe();
    assert.match(info.device!, /cores?, baseline instructions\)$/);
    assert.equal(info.details?.['instruction set'], 'plain');
    set({ AMPC_ISA: 'sse9' });
    assert.match((await createBackend().probe()).reason!, /AMPC_ISA is sse9/);
  });

  it('asks the compiler for the instruction set only once', async () => {
    const compiler = await findCompiler();
    set({ AMPC_ISA: undefined });
    assert.equal(await detectTarget(compiler), await detectTarget(compiler));
  });

  it('does not look into relative folders of the PATH', async () => {
    if (process.platform === 'win32') return;
    const work = makeWorkspace();
    const before = process.cwd();
    try {
      writeFileSync(work.path('cc'), '#!/bin/sh\necho planted\n', { mode: 0o755 });
      process.chdir(work.dir);
      set({ AMPC_CC: undefined, CC: undefined, PATH: `.${delimiter}${delimiter}${process.env.PATH}` });
      const found = await findCompiler();
      assert.notEqual(found.version, 'planted');
      set({ AMPC_CC: './cc' });
      assert.deepEqual((await findCompiler()).command, [realpathSync(work.path('cc'))], 'a path that is named counts from here');
    } finally {
      process.chdir(before);
      work.remove();
    }
  });
});
