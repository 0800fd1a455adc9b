import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { histogram } from '../../src/cli/runs-summary.js';
import { schemaProblem } from '../../src/files/schemas.js';
import { type Statistic, type SweepRow, type SweepRunEvent, sweep } from '../../src/index.js';
import { ampc, interruptedAt } from '../support/cli.js';
import { useTiny } from '../support/tiny.js';

interface Summary extends Omit<SweepRow, 'settings'> {
  readonly event: 'summary';
  readonly dir: string;
  readonly interrupted: boolean;
}

interface Done {
  readonly test_accuracy: number;
  readonly test_loss: number;
  readonly seconds: number;
}

/** As the metrics of the runs in a folder end. */
function doneOf(dir: string): readonly Done[] {
  return readdirSync(dir)
    .filter((name) => name !== 'sweep.json')
    .map(
      (name) =>
        JSON.parse(
          readFileSync(join(dir, name, 'metrics.jsonl'), 'utf8')
            .trimEnd()
            .split('\n')
            .at(-1)!,
        ) as Done,
    );
}

function assertClose(found: number, expected: number, what: string): void {
  assert.ok(Math.abs(found - expected) < 1e-9, `${what}: ${found}, not ${expected}`);
}

/** Against what three values come to by their definitions; the quantile of t for two degrees is published as 4.302653. */
function assertStatistic(found: Statistic | null, [a, b, c]: readonly number[], what: string): void {
  const mean = (a! + b! + c!) / 3;
  const deviation = Math.sqrt(((a! - mean) ** 2 + (b! - mean) ** 2 + (c! - mean) ** 2) / 2);
  assert.equal(found!.count, 3);
  assertClose(found!.mean, mean, what);
  assertClose(found!.deviation!, deviation, what);
  const [low, high] = found!.interval!;
  assertClose((low + high) / 2, mean, what);
  assert.ok(Math.abs((high - low) / 2 - (4.302653 * deviation) / Math.sqrt(3)) < 1e-6 * deviation, `${what}: ${low} to ${high}`);
  assert.deepEqual([found!.min, found!.max], [Math.min(a!, b!, c!), Math.max(a!, b!, c!)]);
}

describe('ampc train --runs', function () {
  this.timeout(120_000);
  const work = useTiny();
  const args = (out: string, ...rest: readonly string[]) => work.args('train', work.program, '--out', work.path(out), ...rest);

  async function trained(out: string, ...rest: readonly string[]) {
    const { code, stdout, stderr } = await ampc(...args(out, '--json', ...rest));
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly event: string });
    for (const event of events) assert.equal(schemaProblem('sweep', event), undefined, JSON.stringify(event));
    const runs = events.filter(({ event }) => event === 'sweep_run') as unknown as readonly SweepRunEvent[];
    return { code, stderr, runs, summary: events.at(-1) as unknown as Summary };
  }

  it('trains so many seeds from the first on, and sums up their metrics', async () => {
    const { runs, summary } = await trained('three', '--runs', '3', '--seed', '5');
    assert.deepEqual(
      runs.map(({ number, seed, state }) => [number, seed, state]),
      [1, 2, 3].flatMap((number) => ['training', 'complete'].map((state) => [number, number + 4, state])),
    );
    const done = doneOf(work.path('three'));
    assert.equal(new Set(done.map(({ test_loss }) => test_loss)).size, 3);
    assert.deepEqual([summary.event, summary.dir, summary.complete, summary.interrupted], ['summary', work.path('three'), 3, false]);
    for (const measure of ['test_accuracy', 'test_loss', 'seconds'] as const)
      assertStatistic(
        summary[measure],
        done.map((end) => end[measure]),
        measure,
      );
    assert.equal(summary.validation_accuracy, null);
  });

  it('gives each run what ampc train gives it alone', async () => {
    const { code, stderr } = await ampc(...args('alone', '--seed', '6'));
    assert.equal(code, 0, stderr);
    const weights = (run: string) => readFileSync(join(work.path(run), 'last.safetensors'));
    assert.ok(weights('three/2-seed=6').equals(weights('alone')));
  });

  it('called again it trains nothing and says the same, for people as a table; with more runs it trains those', async () => {
    const again = ['--runs', '3', '--seed', '5'];
    const { runs, summary } = await trained('three', ...again);
    assert.equal(runs.length, 0);
    assert.equal(summary.complete, 3);
    const { stdout } = await ampc(...args('three', ...again));
    assert.match(stdout, /^3 runs in \S+three, 3 of them done before\n\n +n +mean +deviation +95 % interval +min +max\n/);
    assert.match(stdout, /\ntest accuracy +3 +\d+\.\d\d % +\d+\.\d\d % +-?\d+\.\d\d % to \d+\.\d\d % +\d+\.\d\d % +\d+\.\d\d %\n/);
    assert.match(stdout, /\ntest loss +3 [\s\S]*\ntime of a run +3 /);
    const wider = await trained('three', '--runs', '5', '--seed', '5');
    assert.deepEqual(
      wider.runs.filter(({ state }) => state === 'complete').map(({ seed }) => seed),
      [8, 9],
    );
    assert.equal(wider.summary.test_loss!.count, 5);
    // In TypeScript it is the sweep of the seeds alone.
    const { rows } = await sweep(work.program, { backend: 'reference', data: work.data, seed: 5, seeds: 5, out: work.path('three') });
    const [{ settings: _, ...row }] = rows as [SweepRow];
    const { event: _e, dir: _d, interrupted: _i, ...same } = wider.summary;
    assert.deepEqual(row, same);
  });

  it('of a single run says that there is no deviation and no interval', async () => {
    const { stderr, summary } = await trained('one', '--runs', '1');
    assert.deepEqual([summary.test_accuracy!.deviation, summary.test_accuracy!.interval], [null, null]);
    assert.match(stderr, /\none run has no deviation and no interval\n/);
  });

  it('leaves runs that lost their numbers out, and says how many', async () => {
    const { code, stderr, summary } = await trained('lost', '--runs', '2', '--precision', 'fp32', '--set', 'train.optimizer=sgd(lr: 1e38)');
    assert.equal(code, 1);
    assert.deepEqual([summary.complete, summary.test_loss, summary.seconds], [0, null, null]);
    assert.match(stderr, /\n2 of 2 runs lost their numbers, and are not in the summary\nno run is complete: there is nothing to sum up\n/);
  });

  it('saves on Ctrl-C, and goes on by the same command', async () => {
    const runs = args('cut', '--runs', '3', '--json');
    const { code, stdout, stderr } = await interruptedAt('"number":2,', runs);
    assert.equal(code, 130, stderr);
    assert.match(stdout, /"event":"summary",[^\n]*"interrupted":true,"complete":[12],/);
    assert.match(stderr, /interrupted with [12] of 3 runs done; the same command goes on with .*cut\n/);
    assert.equal((await trained('cut', '--runs', '3')).summary.complete, 3);
  });

  it('is refused with what is about one run, and with several values of a setting', async () => {
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [['--resume'], 2, /^error: --runs cannot go with --resume: the same command goes on/],
      [['--watch'], 2, /^error: --runs cannot go with --watch/],
      [['--dry-run'], 2, /^error: --runs cannot go with --dry-run/],
      [['--max-time', '3m'], 2, /^error: --runs cannot go with --max-time: end the runs by Ctrl-C/],
      [['--set', 'train.lr=0.1,0.2'], 1, /^error\[AMP6205\]: train\.lr has several values[\s\S]*ampc sweep .*--seeds 3/],
    ];
    for (const [rest, expected, says] of cases) {
      const { code, stdout, stderr } = await ampc('train', work.program, '--runs', '3', ...rest);
      assert.deepEqual([code, stdout], [expected, '']);
      assert.match(stderr, says);
    }
    assert.equal((await ampc('train', work.program, '--runs', '0')).code, 2);
    assert.equal((await ampc('train', '--runs', '3')).code, 2);
    assert.equal(existsSync('runs/tiny-runs'), false);
  });
});

describe('the distribution of runs', () => {
  it('is drawn as a bar for each part of its range', () => {
    assert.equal(histogram([0, 0, 0, 0, 1, 1, 3, 4]), '█▄ ▄');
    assert.equal(histogram([0, 0, 10, 10]), '█ █');
    assert.equal(histogram([1, 2, 2, 2, 2, 2, 2, 2, 2]), '▁   █');
  });
});
