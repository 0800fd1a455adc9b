import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { statistic } from '../../src/api/sweep/results.js';
import { schemaProblem } from '../../src/files/schemas.js';
import { type SweepOptions, type SweepRow, type SweepRunEvent, sweep } from '../../src/index.js';
import { findCompiler } from '../../src/runtime/cpu/compiler.js';
import { ampc, interruptedAt } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { skip } from '../support/skip.js';
import { TINY, useTiny } from '../support/tiny.js';

interface Table {
  readonly dir: string;
  readonly by: string;
  readonly interrupted: boolean;
  readonly rows: readonly SweepRow[];
}

const GRID = ['--set', 'train.lr=0.001,0.1', '--set', 'train.batch=8,16', '--seeds', '2'];

describe('ampc sweep', function () {
  this.timeout(240_000);
  const work = useTiny();
  const args = (out: string, ...rest: readonly string[]) => work.args('sweep', work.program, '--out', work.path(out), ...rest);

  async function swept(out: string, ...rest: readonly string[]) {
    const { code, stdout, stderr } = await ampc(...args(out, '--json', ...rest));
    const lines = stdout.trimEnd().split('\n');
    const events = stdout === '' ? [] : lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const event of events) assert.equal(schemaProblem('sweep', event), undefined, JSON.stringify(event));
    const runs = events.filter(({ event }) => event === 'sweep_run') as unknown as readonly SweepRunEvent[];
    return { code, stderr, events, runs, table: events.at(-1) as unknown as Table };
  }

  const weights = (out: string) =>
    Object.fromEntries(
      readdirSync(work.path(out))
        .filter((name) => name !== 'sweep.json')
        .map((name) => [name, readFileSync(join(work.path(out), name, 'last.safetensors')).toString('base64')]),
    );

  before(async () => {
    const { code, stderr } = await swept('grid', ...GRID);
    assert.equal(code, 0, stderr);
  });

  it('trains every combination with every seed, in folders that say so', () => {
    assert.deepEqual(readdirSync(work.path('grid')).sort(), [
      '1-lr=0.001,batch=8,seed=0',
      '2-lr=0.001,batch=8,seed=1',
      '3-lr=0.001,batch=16,seed=0',
      '4-lr=0.001,batch=16,seed=1',
      '5-lr=0.1,batch=8,seed=0',
      '6-lr=0.1,batch=8,seed=1',
      '7-lr=0.1,batch=16,seed=0',
      '8-lr=0.1,batch=16,seed=1',
      'sweep.json',
    ]);
    assert.equal(new Set(Object.values(weights('grid'))).size, 8);
  });

  it('gives each run what ampc train gives it alone', async () => {
    const out = work.path('alone');
    const set = ['--set', 'train.lr=0.1', '--set', 'train.batch=16', '--set', 'train.seed=1'];
    const { code, stderr } = await ampc(...work.args('train', work.program, '--out', out, ...set));
    assert.equal(code, 0, stderr);
    assert.equal(readFileSync(join(out, 'last.safetensors')).toString('base64'), weights('grid')['8-lr=0.1,batch=16,seed=1']);
  });

  it('called again it trains nothing, and ends with the same table, the best first, with mean and deviation of the metrics', async () => {
    const { code, runs, table } = await swept('grid', ...GRID);
    assert.deepEqual([code, runs.length, table.by, table.interrupted], [0, 0, 'test_accuracy', false]);
    const means = table.rows.map((row) => row.test_accuracy!.mean);
    assert.equal(means.length, 4);
    assert.deepEqual(
      means,
      [...means].sort((a, b) => b - a),
    );
    for (const row of table.rows) {
      const [a, b] = row.runs.map(({ run }) => {
        const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
        return JSON.parse(lines.at(-1)!) as { readonly test_accuracy: number; readonly test_loss: number };
      });
      assert.equal(row.complete, 2);
      assert.equal(row.test_loss!.mean, (a!.test_loss + b!.test_loss) / 2);
      const deviation = Math.abs(a!.test_loss - b!.test_loss) / Math.SQRT2;
      assert.ok(Math.abs(row.test_loss!.deviation! - deviation) < 1e-12, `${row.test_loss!.deviation} ${deviation}`);
    }
    const { stdout } = await ampc(...args('grid', ...GRID));
    assert.match(stdout, /^8 runs in .*grid, 8 of them done before\n\n {3}lr +batch +test accuracy +test loss +runs +time\n/);
    assert.match(stdout, /\d+\.\d\d % ± \d+\.\d\d +\d\.\d{4} ± \d\.\d{4} +2\/2 +\d+s\n/);
    assert.match(stdout, /\nsorted by test accuracy; mean over the seeds ± standard deviation\nbest: lr \S+, batch \d+, \S+grid\/\d-lr/);
  });

  it('refuses a folder that holds another sweep, with the differences, and one that holds something else', async () => {
    const other = await swept('grid', '--set', 'train.lr=0.001,0.3', '--set', 'train.batch=8,16', '--epochs', '3');
    assert.equal(other.code, 1);
    assert.match(other.stderr, /error\[AMP6207\]: .*grid holds other runs\n/);
    assert.match(
      other.stderr,
      /train\.lr was 0\.001, 0\.1 and is 0\.001, 0\.3; seeds was 0, 1 and is not set; --epochs was not set and is 3\n/,
    );
    const text = readFileSync(work.program, 'utf8');
    work.file('tiny.amp', `${text}# another\n`);
    const changed = await swept('grid', ...GRID);
    work.file('tiny.amp', text);
    assert.match(changed.stderr, /AMP6207[\s\S]*why: the text of the file is another\n/);
    mkdirSync(work.path('mine'));
    writeFileSync(work.path('mine/notes.txt'), '');
    assert.match((await swept('mine', ...GRID)).stderr, /error\[AMP6206\]: .*mine holds something else than runs of ampc sweep/);
  });

  it('is widened by values and seeds: what is there stays, what has come in addition is trained', async () => {
    const narrow = await swept('wide', '--set', 'train.lr=0.001', '--set', 'train.batch=8,16');
    assert.equal(narrow.code, 0, narrow.stderr);
    const before = weights('wide');
    const { code, stderr, runs, table } = await swept('wide', '--set', 'train.lr=0.1,0.001', '--set', 'train.batch=8,16', '--seeds', '2');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^the sweep is widened: it had 2 runs, and has 8; what is there stays$/m);
    assert.equal(new Set(runs.map(({ run }) => run)).size, 6);
    assert.equal(table.rows.length, 4);
    for (const { complete } of table.rows) assert.equal(complete, 2);
    const now = weights('wide');
    for (const [name, bytes] of Object.entries(before)) assert.equal(now[name], bytes);
    // The runs are those of a sweep that was as wide from the start.
    assert.deepEqual(Object.values(now).sort(), Object.values(weights('grid')).sort());
    assert.equal((await swept('wide', '--set', 'train.lr=0.1,0.001', '--set', 'train.batch=8,16', '--seeds', '2')).runs.length, 0);
    const less = await swept('wide', '--set', 'train.lr=0.001', '--set', 'train.batch=8,16', '--seeds', '2');
    assert.match(less.stderr, /AMP6207[\s\S]*why: train\.lr was 0\.1, 0\.001 and is 0\.001\n/);
    const other = await swept(
      'wide',
      '--set',
      'train.lr=0.1,0.001',
      '--set',
      'train.batch=8,16',
      '--seeds',
      '2',
      '--set',
      'train.epochs=1,2',
    );
    assert.match(other.stderr, /AMP6207[\s\S]*why: train\.epochs was not set and is 1, 2\n/);
  });

  it('trains side by side to the same bits', async () => {
    const { code, stderr, table } = await swept('beside', ...GRID, '--jobs', '2');
    assert.equal(code, 0, stderr);
    assert.equal(table.rows.length, 4);
    assert.deepEqual(weights('beside'), weights('grid'));
  });

  it('is interrupted, says how to go on, and goes on within a run to the same bits', async () => {
    const set = ['--set', 'train.lr=0.001,0.1', '--log-every', '1'];
    const stopped = await interruptedAt('"number":2,', args('cut', ...set, '--json'));
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.match(stopped.stderr, /interrupted with 1 of 2 runs done; the same command goes on with .*cut\n/);
    const run = join(work.path('cut'), '2-lr=0.1');
    rmSync(run, { recursive: true, force: true });
    const train = work.args('train', work.program, '--set', 'train.lr=0.1', '--out', run, '--log-every', '1', '--json');
    const within = await interruptedAt('"event":"step","step":5,', train);
    assert.equal(within.code, 130, within.stderr);
    const { code, runs, stderr } = await swept('cut', ...set);
    assert.equal(code, 0, stderr);
    assert.deepEqual(
      runs.map(({ number, state }) => [number, state]),
      [
        [2, 'training'],
        [2, 'complete'],
      ],
    );
    await swept('uncut', ...set);
    assert.deepEqual(weights('cut'), weights('uncut'));
    const steps = readFileSync(join(run, 'metrics.jsonl'), 'utf8').match(/"event":"step"/g);
    assert.equal(steps?.length, 20);
  });

  it('saves the runs that are trained side by side, and goes on with them', async () => {
    const set = ['--set', 'train.lr=0.001,0.1'];
    const stopped = await interruptedAt('"number":2,', args('cut-beside', ...set, '--jobs', '2', '--json'));
    assert.equal(stopped.code, 130, stopped.stderr);
    const { code, stderr } = await swept('cut-beside', ...set);
    assert.equal(code, 0, stderr);
    assert.deepEqual(weights('cut-beside'), weights('uncut'));
  });

  it('loses no run by another that fails, and tries that one again', async () => {
    const taken = join(work.path('failing'), '1-lr=0.001');
    await interruptedAt('"sweep_start"', args('failing', '--set', 'train.lr=0.001,0.1', '--json'));
    rmSync(taken, { recursive: true, force: true });
    mkdirSync(taken);
    writeFileSync(join(taken, 'notes.txt'), '');
    const { code, table, runs, stderr } = await swept('failing', '--set', 'train.lr=0.001,0.1');
    assert.equal(code, 1);
    assert.deepEqual(
      runs.filter(({ state }) => state !== 'training').map(({ state }) => state),
      ['failed', 'complete'],
    );
    assert.match(stderr, /error\[AMP7208\][\s\S]*1 of 2 runs failed; the same command tries them again\n/);
    assert.deepEqual(
      table.rows.map(({ complete }) => complete),
      [1, 0],
    );
    rmSync(taken, { recursive: true });
    assert.equal((await swept('failing', '--set', 'train.lr=0.001,0.1')).code, 0);
  });

  it('tells a reason that several runs share once', async () => {
    const nowhere = ['--backend', 'reference', '--data', work.path('nowhere'), '--set', 'train.lr=0.001,0.1'];
    const { code, stderr } = await ampc('sweep', work.program, '--out', work.path('without'), ...nowhere);
    assert.equal(code, 1);
    assert.equal(stderr.match(/error\[AMP7001\]/g)?.length, 1);
    assert.match(stderr, /\n2\/2 lr 0\.1 failed: the data set cifar10 is not in /);
  });

  it('goes on with the others when the process of a run is killed', async () => {
    const options: SweepOptions = {
      backend: 'reference',
      data: work.data,
      jobs: 2,
      set: ['train.epochs=1,2000'],
      out: work.path('killed'),
    };
    let isKilled = false;
    const result = await sweep(work.program, {
      ...options,
      onProgress: ({ training }) => {
        if (isKilled || !training.has(2)) return;
        isKilled = true;
        const [lock] = readdirSync(work.path('killed/2-epochs=2000')).filter((name) => name.endsWith('.lock'));
        process.kill((JSON.parse(readFileSync(join(work.path('killed/2-epochs=2000'), lock!), 'utf8')) as { pid: number }).pid, 'SIGKILL');
      },
    });
    assert.deepEqual(
      result.runs.map(({ state, why }) => [state, why]),
      [
        ['complete', null],
        ['failed', 'the process of a run is gone'],
      ],
    );
  });

  it('tells a run that lost its numbers in the table, and does not repeat it', async () => {
    const set = ['--set', 'train.optimizer=sgd(lr: 0.01),sgd(lr: 1e38)', '--precision', 'fp32'];
    const { code, table } = await swept('lost', ...set);
    assert.equal(code, 0);
    assert.deepEqual(
      table.rows.map(({ runs }) => runs[0]!.state),
      ['complete', 'lost'],
    );
    assert.equal((await swept('lost', ...set)).runs.length, 0);
  });

  it('chooses by the images kept for validation', async () => {
    const validated = work.file('kept.amp', TINY.replace('std: 0.5)', 'std: 0.5)  validation(0.25)'));
    const out = work.path('validated');
    const { code, stdout, stderr } = await ampc(...work.args('sweep', validated, '--out', out, '--set', 'train.lr=0.001,0.1'));
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /\n {3}lr +validation +test accuracy +validation loss +test loss +runs +time\n[\s\S]*sorted by validation accuracy\n/,
    );
  });

  it('finds every mistake before anything is trained', async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['--set', 'train.lr=0.1'], /AMP6205\]: nothing varies in this sweep/],
      [['--set', 'train.lr=0.1,1e-1'], /AMP6205\]: two runs .* would be the same: train\.lr=0\.1 and train\.lr=1e-1/],
      [['--set', 'train.lr=0.1,,0.2'], /AMP6205\]: --set train\.lr=0\.1,,0\.2 has an empty value/],
      [['--set', 'train.lr='], /AMP6205\]: --set train\.lr= has an empty value\n = why: nothing stands behind `=`/],
      [['--set', 'train.batch=8,16', '--batch', '8'], /AMP6205\]: train\.batch is set twice/],
      [['--set', 'train.seed=1,2', '--seeds', '2'], /AMP6205\]: the seed varies twice/],
      [['--set', 'train.lr=0.1,fast'], /--set:1:10/],
      [['--set', 'train.batc=8,16'], /AMP4010.*`batc`/],
    ];
    for (const [set, expected] of cases) {
      const { code, stderr } = await ampc(...args('mistaken', ...set));
      assert.equal(code, 1, set.join(' '));
      assert.match(stderr, expected);
    }
    assert.equal(readdirSync(work.dir).includes('mistaken'), false);
  });

  describe('on the cpu', () => {
    const set = environment(['AMPC_CACHE', 'AMPC_CC']);

    it('compiles each plan once', async function () {
      if (process.platform === 'win32') skip(this, 'the compiler of this test is a shell script');
      const real = await findCompiler().catch(() => skip(this, 'there is no C compiler'));
      const log = work.path('compiled');
      const script = work.file(
        'cc.sh',
        `#!/bin/sh\ncase " $* " in *" -shared "*) echo "$*" >> '${log}';; esac\nexec ${real.command.join(' ')} "$@"\n`,
      );
      chmodSync(script, 0o755);
      const compiled = async (out: string, ...rest: readonly string[]) => {
        set({ AMPC_CC: script, AMPC_CACHE: work.path(`cache-${out}`) });
        rmSync(log, { force: true });
        const options = ['--backend', 'cpu', '--data', work.data, '--out', work.path(out), ...rest];
        const { code, stderr } = await ampc('sweep', work.program, ...options);
        assert.equal(code, 0, stderr);
        return readFileSync(log, 'utf8').trimEnd().split('\n').length;
      };
      const one = await compiled('one', '--set', 'train.lr=0.1,0.2');
      assert.equal(await compiled('four', '--set', 'train.lr=0.1,0.2', '--seeds', '2', '--jobs', '2'), one);
    });
  });
});

describe('values of a sweep', () => {
  it('have the mean and deviation of a sample, and the interval of their mean', () => {
    // Published quantile of t for 7 degrees: 2.3646.
    const { interval, ...rest } = statistic([2, 4, 4, 4, 5, 5, 7, 9])!;
    const deviation = Math.sqrt(32 / 7);
    assert.deepEqual(rest, { count: 8, mean: 5, deviation, min: 2, max: 9 });
    const reach = (2.3646 * deviation) / Math.sqrt(8);
    assert.deepEqual(
      interval!.map((end) => end.toFixed(3)),
      [5 - reach, 5 + reach].map((end) => end.toFixed(3)),
    );
    assert.deepEqual(statistic([3]), { count: 1, mean: 3, deviation: null, interval: null, min: 3, max: 3 });
    assert.equal(statistic([]), null);
  });
});
