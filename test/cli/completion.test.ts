import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { ampc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, type Workspace } from '../support/tiny.js';

/** Commands as the program's own help lists them. */
async function commandNames(): Promise<readonly string[]> {
  const { stdout } = await ampc('--help');
  return [...stdout.slice(stdout.indexOf('Commands:')).matchAll(/^ {2}([a-z]+) /gm)].flatMap(([, name]) =>
    name === 'help' ? [] : [name!],
  );
}

async function flagsOf(command: string): Promise<readonly string[]> {
  const { stdout } = await ampc(command, '--help');
  return [...stdout.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, flag]) => flag!);
}

describe('ampc completion', () => {
  let work: Workspace;
  let script: string;

  before(async () => {
    work = makeWorkspace();
    const { code, stdout } = await ampc('completion', 'bash');
    assert.equal(code, 0);
    script = work.file('completion.bash', stdout);
    for (const name of ['net.amp', 'other.amp', 'notes.txt', 'net.yaml', 'w.safetensors']) work.file(name, '');
    for (const run of ['runs/net-1', 'runs/net-sweep/1-lr=0.1']) {
      mkdirSync(work.path(run), { recursive: true });
      work.file(`${run}/config.json`, '{}');
    }
    mkdirSync(work.path('photos'));
  });

  after(() => work.remove());

  /** What bash suggests for the last of these words. */
  function suggested(...words: readonly string[]): readonly string[] {
    const list = words.map((word) => `'${word}'`).join(' ');
    const source = `source '${script}'; COMP_WORDS=(ampc ${list}); COMP_CWORD=${words.length}; _ampc; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', source], { cwd: work.dir, encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, '']);
    return [...new Set(stdout.split('\n').filter((line) => line !== ''))].sort();
  }

  describe('in bash', () => {
    before(function () {
      if (spawnSync('bash', ['--version']).status !== 0) skip(this, 'there is no bash');
    });

    it('names every command, and what stands behind one', async () => {
      assert.deepEqual(suggested(''), [...(await commandNames()), '--help', '--version'].sort());
      assert.deepEqual(suggested('tr'), ['train']);
      assert.deepEqual(suggested('data', 'f'), ['fetch']);
      assert.ok(suggested('data', 'fetch', '').includes('cifar10'));
      assert.deepEqual(suggested('completion', ''), ['bash', 'fish', 'zsh']);
    });

    it('names every option of every command', async () => {
      for (const command of await commandNames()) {
        const flags = new Set(suggested(command, '-'));
        for (const flag of await flagsOf(command)) assert.ok(flags.has(flag), `${command} ${flag}`);
      }
    });

    it('names the words that an option takes, and folders and files', () => {
      assert.deepEqual(suggested('train', 'net.amp', '--backend', ''), ['auto', 'cpu', 'cuda', 'reference', 'tensorflow', 'webgpu']);
      assert.deepEqual(suggested('runs', '--sort', 'a'), ['accuracy']);
      assert.deepEqual(suggested('train', 'net.amp', '--out', ''), ['photos', 'runs']);
      assert.deepEqual(suggested('train', 'net.amp', '--init', 'w'), ['w.safetensors']);
      assert.deepEqual(suggested('train', 'net.amp', '--epochs', ''), []);
    });

    it('names .amp files, specs, and runs at any depth', () => {
      assert.deepEqual(suggested('train', ''), ['net.amp', 'other.amp', 'photos', 'runs']);
      assert.deepEqual(suggested('test', 'n'), ['net.yaml']);
      assert.deepEqual(suggested('eval', ''), ['net.amp', 'other.amp', 'photos', 'runs', 'runs/net-1', 'runs/net-sweep/1-lr=0.1']);
      assert.deepEqual(suggested('compare', 'runs/net-1', 'runs/net-s'), ['runs/net-sweep', 'runs/net-sweep/1-lr=0.1']);
    });
  });

  const NAMED: Readonly<Record<string, (command: string, flag: string) => RegExp>> = {
    zsh: (_, flag) => new RegExp(`'\\*${flag}\\[`),
    fish: (command, flag) => new RegExp(`from ${command}['; ].* -l ${flag.slice(2)} `),
  };

  for (const [shell, pattern] of Object.entries(NAMED)) {
    it(`has every command and option for ${shell}`, async () => {
      const { stdout } = await ampc('completion', shell);
      for (const command of await commandNames()) {
        assert.match(stdout, new RegExp(`\\b${command}\\b`));
        for (const flag of await flagsOf(command))
          if (flag !== '--help') assert.match(stdout, pattern(command, flag), `${command} ${flag}`);
      }
    });

    it(`is a script that ${shell} reads`, async function () {
      if (spawnSync(shell, ['--version']).status !== 0) skip(this, `there is no ${shell}`);
      const path = work.file(`completion.${shell}`, (await ampc('completion', shell)).stdout);
      const { status, stderr } = spawnSync(shell, ['-n', path], { encoding: 'utf8' });
      assert.deepEqual([status, stderr], [0, '']);
    });
  }

  it('suggests in fish what stands behind commands and options', async function () {
    if (spawnSync('fish', ['--version']).status !== 0) skip(this, 'there is no fish');
    const path = work.file('completion.fish', (await ampc('completion', 'fish')).stdout);
    const of = (line: string) => {
      const { stdout } = spawnSync('fish', ['--no-config', '-c', `source '${path}'; complete -C '${line}'`], {
        cwd: work.dir,
        encoding: 'utf8',
      });
      return stdout
        .trimEnd()
        .split('\n')
        .map((word) => word.split('\t')[0]);
    };
    assert.deepEqual(of('ampc tra'), ['train']);
    assert.deepEqual(of('ampc data fet'), ['fetch']);
    assert.deepEqual(of('ampc train --backend c'), ['cpu', 'cuda']);
    assert.ok(of('ampc train net').includes('net.amp'));
    assert.ok(of('ampc compare runs/').includes('runs/net-1'));
  });

  it('answers another shell', async () => {
    const { code, stderr } = await ampc('completion', 'bsh');
    assert.equal(code, 2);
    assert.match(stderr, /Did you mean bash\?/);
  });
});
