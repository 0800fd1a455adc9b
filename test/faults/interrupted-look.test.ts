import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { train } from '../../src/index.js';
import { compilerNamed } from '../codegen/compile.js';
import { environment } from '../support/environment.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, type Workspace } from '../support/tiny.js';

describe('an interruption while a skipped step is looked into', function () {
  this.timeout(600_000);
  const set = environment(['AMPC_CACHE', 'AMPC_CC']);
  let work: Workspace;

  afterEach(() => work?.remove());

  it('waits for the look, saves, and loses nothing', async function () {
    if (process.platform === 'win32') skip(this, 'the compiler of this test is a shell script');
    const real = await compilerNamed();
    if (real === undefined) skip(this, 'no C compiler');
    work = makeWorkspace();
    const [run, looking, go] = [work.path('run'), work.path('looking'), work.path('go')];
    // Whatever is compiled once the run has a checkpoint is for the look; it waits until the test has interrupted the run.
    const compiler = work.file(
      'cc.sh',
      `#!/bin/sh
case " $* " in
  *" -o "*)
    if [ -e '${join(run, 'checkpoint.safetensors')}' ]; then
      : > '${looking}'
      until [ -e '${go}' ]; do sleep 0.05; done
    fi ;;
esac
exec ${real.command.join(' ')} "$@"
`,
    );
    chmodSync(compiler, 0o755);
    set({ AMPC_CACHE: work.path('cache'), AMPC_CC: compiler });
    const controller = new AbortController();
    const file = 'examples/precision/forward.amp';
    const training = train(file, { backend: 'cpu', out: run, signal: controller.signal, logEvery: 1 });
    let over = false;
    void training.then(
      () => {
        over = true;
      },
      () => {
        over = true;
      },
    );
    while (!existsSync(looking) && !over) await sleep(20);
    controller.abort();
    writeFileSync(go, '');
    const { interrupted, steps } = await training;
    assert.equal(interrupted, true);
    assert.ok(steps > 0);
    assert.match(readFileSync(join(run, 'metrics.jsonl'), 'utf8'), /"event":"overflow"/);
    const resumed = await train(file, { resume: run, maxSteps: steps + 2 });
    assert.equal(resumed.steps, steps + 2);
  });
});
