import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, type FSWatcher, mkdirSync, readdirSync, readFileSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors } from '../../src/training/safetensors.js';
import { compilerNamed } from '../codegen/compile.js';
import { namedRandom } from '../ops/random.js';
import { amount } from '../support/amount.js';
import { mainScript } from '../support/main-script.js';
import { skip } from '../support/skip.js';
import { useTiny } from '../support/tiny.js';

const RUNS = amount(1, 6);
const KILLS = 10;

/**
 * Tells every change in a folder and those below it, also in new ones. A folder may be gone before it is looked into, at which Node's own
 * recursive watcher throws from where nobody can catch it.
 */
function watchTree(root: string, changed: () => void, watchers: FSWatcher[] = []): FSWatcher[] {
  try {
    const watcher = watch(root, (_, name) => {
      changed();
      if (name !== null && statSync(join(root, name), { throwIfNoEntry: false })?.isDirectory())
        watchTree(join(root, name), changed, watchers);
    });
    watcher.on('error', () => undefined);
    watchers.push(watcher);
    for (const entry of readdirSync(root, { withFileTypes: true }))
      if (entry.isDirectory()) watchTree(join(root, entry.name), changed, watchers);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return watchers;
}

const NET = `dataset cifar10 { normalize(mean: 0.5, std: 0.5) flip() crop(padding: 2) }

model Net(image: [32, 32, 3]) -> [10] {
  image |> avg_pool2d(4) |> conv2d(4, kernel: 3) |> batch_norm |> relu |> dropout(0.1) |> flatten |> linear(10)
}

precision { compute fp16 }

train { loss cross_entropy  optimizer adam(lr: 1e-3)  batch 8  epochs 5  seed 0 }
`;

/** When to kill: so long after the start, or so many changes of the run folder or the kernel cache after it. */
type Moment = { readonly ms: number } | { readonly changes: number };

describe('kill -9 at any moment', function () {
  this.timeout(1_200_000);
  const work = useTiny(NET);
  const file = work.program;

  before(async function () {
    if ((await compilerNamed()) === undefined) skip(this, 'no C compiler');
  });

  /** What ampc says when it trains or resumes; killed at the moment unless it is done earlier. */
  function run(name: string, resume: boolean, moment?: Moment): Promise<{ code: number | null; said: string }> {
    const folder = work.path(name);
    const cache = work.path(`cache-${name}`);
    const temporary = work.path(`tmp-${name}`);
    for (const path of [cache, temporary]) mkdirSync(path, { recursive: true, mode: 0o700 });
    const where = resume ? ['--resume', folder] : ['--out', folder];
    const main = mainScript();
    const args = [...main.args, 'train', file, ...where, '--data', work.data, '--backend', 'cpu', '--threads', '2'];
    const env = { ...process.env, ...main.env, AMPC_CACHE: cache, TMPDIR: temporary };
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const kill = () => child.kill('SIGKILL');
    const watchers: FSWatcher[] = [];
    let timer: NodeJS.Timeout | undefined;
    if (moment !== undefined && 'ms' in moment) timer = setTimeout(kill, moment.ms);
    else if (moment !== undefined) {
      let left = moment.changes;
      const count = () => {
        left -= 1;
        if (left <= 0) kill();
      };
      for (const path of [cache, folder]) watchTree(path, count, watchers);
    }
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => {
        clearTimeout(timer);
        for (const watcher of watchers) watcher.close();
        resolve({ code, said });
      });
    });
  }

  /** Everything that must not depend on the kills: weights, states, metrics but for times. */
  async function outcome(name: string): Promise<unknown> {
    const folder = work.path(name);
    const tensors = await Promise.all(
      ['checkpoint', 'last', 'best'].map(async (part) => (await readSafetensors(join(folder, `${part}.safetensors`))).tensors),
    );
    const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const metrics = lines.map((line) => {
      const { seconds: _, images_per_second: __, data_share: ____, run: ___, ...rest } = JSON.parse(line);
      return rest;
    });
    return { tensors, metrics, files: readdirSync(folder).sort() };
  }

  it(`${RUNS} runs killed ${KILLS} times each end with the bits of a run that was not, and leave nothing behind`, async () => {
    const started = Date.now();
    assert.equal((await run('whole', false)).code, 0);
    const length = Date.now() - started;
    const expected = await outcome('whole');
    const cached = readdirSync(work.path('cache-whole'), { recursive: true }).length;
    const random = namedRandom('kill', 12);
    for (let i = 0; i < RUNS; i += 1) {
      const name = `killed-${i}`;
      const go = async (moment?: Moment) => {
        if (existsSync(work.path(name))) {
          const resumed = await run(name, true, moment);
          if (!/AMP7203|AMP7205/.test(resumed.said)) return resumed;
        }
        // Killed before there was anything to go on from.
        return run(name, false, moment);
      };
      for (let kill = 0; kill < KILLS; kill += 1) await go(random.pick([{ ms: random.real(0, length) }, { changes: random.int(1, 40) }]));
      const { code, said } = await go();
      assert.equal(code, 0, said);
      assert.deepEqual(await outcome(name), expected, name);
      assert.equal(readdirSync(work.path(`cache-${name}`), { recursive: true }).length, cached);
      assert.deepEqual(readdirSync(work.path(`tmp-${name}`)), []);
    }
  });
});
