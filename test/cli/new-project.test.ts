import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { findCompiler } from '../../src/runtime/cpu/compiler.js';
import { ampc, startAmpc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, type Workspace } from '../support/tiny.js';

describe('ampc init', function () {
  this.timeout(120_000);
  let work: Workspace;
  let dir: string;

  before(async () => {
    work = makeWorkspace();
    dir = work.path('My Project');
    const { code, stdout, stderr } = await ampc('init', dir);
    assert.deepEqual([code, stderr], [0, '']);
    assert.ok(stdout.endsWith(`\nnext: cd '${dir}' && npm install && npx ampc train net.amp\n`), stdout);
  });

  after(() => work.remove());

  const at = (...args: readonly string[]) => startAmpc(args, {}, { cwd: dir }).result;

  it('writes what its workflow runs, and all of that passes', async () => {
    const workflow = parse(readFileSync(join(dir, '.github/workflows/ampc.yml'), 'utf8')) as {
      readonly jobs: { readonly plan: { readonly steps: readonly { readonly run?: string }[] } };
    };
    const commands = workflow.jobs.plan.steps.flatMap(({ run }) => (run?.startsWith('npx ampc ') ? [run.slice('npx ampc '.length)] : []));
    assert.deepEqual(
      commands.map((command) => command.split(' ').slice(0, 2).join(' ')),
      ['check net.amp', 'test specs/net.yaml', 'plan --diff'],
    );
    for (const command of commands) {
      const { code, stderr } = await at(...command.split(' '));
      assert.equal(code, 0, `${command}: ${stderr}`);
    }
    assert.equal((await ampc('fmt', '--check', join(dir, 'net.amp'))).code, 0);
  });

  it('has scripts of the same commands, and a name that npm takes', () => {
    const { name, scripts, devDependencies } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
    assert.equal(name, 'my-project');
    assert.deepEqual(Object.keys(scripts), ['check', 'test', 'plan', 'plan:diff', 'train']);
    assert.match(devDependencies.ampc, /^file:|^\^\d/);
  });

  it('has a name that npm takes of any folder', async () => {
    for (const [folder, name] of [
      ['Übung für Łódź', 'ubung-fur-lodz'],
      ['Straße', 'strasse'],
      ['学习', 'net'],
    ] as const) {
      assert.equal((await ampc('init', work.path(folder))).code, 0);
      assert.equal(JSON.parse(readFileSync(work.path(`${folder}/package.json`), 'utf8')).name, name);
    }
  });

  it('tells in the workflow when a plan has changed unread', async () => {
    const file = join(dir, 'net.amp');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('compute fp16', 'compute bf16'));
    const { code } = await ampc('plan', '--diff', join(dir, 'net.plan'), file, '--backend', 'cpu', '--fail-on', 'any');
    writeFileSync(file, text);
    assert.equal(code, 1);
  });

  it('trains without a download', async function () {
    await findCompiler().catch(() => skip(this, 'there is no C compiler'));
    const { code, stdout, stderr } = await at('train', 'net.amp', '--backend', 'cpu', '--max-steps', '2');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^2 steps in .*test accuracy .* in runs\/net-1$/m);
  });

  it('overwrites nothing, and then writes nothing', async () => {
    const other = work.path('other');
    assert.equal((await ampc('init', other)).code, 0);
    const written = work.path('half');
    assert.equal((await ampc('init', written)).code, 0);
    const { code, stderr } = await ampc('init', other);
    assert.equal(code, 1);
    assert.match(stderr, /error\[AMP6209\]: .*other has net\.amp, specs\/net\.yaml, .* already/);
    const half = makeWorkspace();
    half.file('package.json', '{"mine": true}');
    assert.match((await ampc('init', half.dir)).stderr, /AMP6209\]: .* has package\.json already/);
    assert.equal(readFileSync(half.path('package.json'), 'utf8'), '{"mine": true}');
    assert.equal(existsSync(half.path('net.amp')), false);
    half.remove();
    assert.match((await ampc('init', join(other, 'net.amp', 'x'))).stderr, /AMP6209\]: cannot make a project in /);
  });
});
