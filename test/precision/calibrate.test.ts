import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Graph } from '../../src/ir/types.js';
import { isFloat } from '../../src/ir/types.js';
import { round } from '../../src/numeric/encoding.js';
import { widenGraph } from '../../src/plan/widen.js';
import { Exponents } from '../../src/precision/exponents.js';
import { adviseScale, scaleEffects } from '../../src/precision/loss-scale.js';
import { analyzeRanges } from '../../src/precision/ranges.js';
import { namedRandom } from '../ops/random.js';
import { ampc } from '../support/cli.js';
import { simpleCnn } from '../support/models.js';
import { planOf } from '../support/network.js';
import { makeWorkspace, TINY, type Workspace, writeTinyCifar } from '../support/tiny.js';

function measured(values: readonly number[]): Exponents {
  const exponents = new Exponents();
  exponents.add(Float32Array.from(values));
  return exponents;
}

describe('exponents', () => {
  it('count zeros, infinities and NaN apart, and find the largest and the smallest magnitude', () => {
    const exponents = measured([0, -0, 3, -5, 0.25, Infinity, NaN, 1e-40]);
    assert.deepEqual([exponents.count, exponents.zeros, exponents.nonFinite, exponents.present], [8, 2, 2, 4]);
    assert.equal(exponents.max, 5);
    assert.equal(exponents.minNonZero, Math.fround(1e-40));
    assert.deepEqual(exponents.histogram(), [
      [-127, 1],
      [-2, 1],
      [1, 1],
      [2, 1],
    ]);
    assert.equal(measured([0]).minNonZero, undefined);
    assert.equal(measured([]).max, 0);
  });

  it('predict what f16 makes 0 at any power of two', () => {
    const random = namedRandom('exponents', 1);
    const values = Array.from({ length: 2000 }, () => random.pick([-1, 1]) * 2 ** random.real(-60, 10));
    const exponents = measured(values);
    for (const shift of [-10, 0, 1, 16, 40]) {
      const zero = Array.from(Float32Array.from(values)).filter((x) => round('f16', x * 2 ** shift) === 0).length;
      assert.equal(exponents.vanishing(shift), zero, `shift ${shift}`);
    }
  });
});

describe('loss scale advice', () => {
  it('gives the largest power of two that overflows nothing, and the smallest that loses no more', () => {
    const advice = adviseScale([{ exponents: measured([1, 1.5 * 2 ** -12]), factor: 1 }])!;
    assert.deepEqual(
      [advice.largest, advice.best],
      [
        { scale: 32768, lost: 0 },
        { scale: 2 ** -13, lost: 0 },
      ],
    );
    const wide = adviseScale([{ exponents: measured([1, 1.5 * 2 ** -39, 2 ** -60]), factor: 1 }])!;
    assert.deepEqual(wide.largest, { scale: 32768, lost: 1 / 3 });
    assert.deepEqual(wide.best, { scale: 2 ** 14, lost: 1 / 3 });
  });

  it('says what becomes of gradients at every scale', () => {
    const effects = scaleEffects([{ exponents: measured([1, 1.5 * 2 ** -30]), factor: 1 }]);
    assert.deepEqual([effects.length, effects[0]], [25, { scale: 1, lost: 0.5, overflowing: 0 }]);
    assert.deepEqual(effects[5], { scale: 32, lost: 0, overflowing: 0 });
    assert.deepEqual(effects[16], { scale: 65536, lost: 0, overflowing: 1 });
    assert.deepEqual(scaleEffects([]), []);
  });

  it('scales what was measured at another batch, and stops where no scale fits', () => {
    assert.equal(adviseScale([{ exponents: measured([1]), factor: 0.25 }])!.largest!.scale, 4 * 32768);
    assert.equal(adviseScale([{ exponents: measured([65519.9]), factor: 1 }])!.largest!.scale, 1);
    assert.equal(adviseScale([{ exponents: measured([1e30]), factor: 1 }])!.largest, undefined);
    assert.equal(adviseScale([]), undefined);
  });
});

describe('a widened graph', () => {
  const { graph } = planOf(simpleCnn).functions[0];

  it('has the same nodes with every float in f32', () => {
    const widened: Graph = widenGraph(graph);
    assert.deepEqual(
      widened.nodes.map(({ op, inputs }) => [op, inputs]),
      graph.nodes.map(({ op, inputs }) => [op, inputs]),
    );
    for (const { type } of widened.nodes) assert.ok(!isFloat(type.dtype) || type.dtype === 'f32');
    assert.equal(analyzeRanges(widened).length, graph.nodes.length);
  });
});

describe('ampc calibrate', () => {
  let work: Workspace;

  before(() => {
    work = makeWorkspace();
    writeTinyCifar(work.dir);
  });

  after(() => work.remove());

  const run = async (text: string, ...args: readonly string[]) => {
    const { code, stdout, stderr } = await ampc(
      'calibrate',
      work.file('net.amp', text),
      '--data',
      work.dir,
      '--backend',
      'reference',
      ...args,
    );
    assert.equal(code, 0, stderr);
    return stdout;
  };

  it('measures every value and proves bounds that hold', async () => {
    const result = JSON.parse(await run(TINY, '--steps', '3', '--json'));
    assert.deepEqual([result.event, result.steps, result.batch, result.file_batch, result.scale], ['calibrate', 3, 8, 8, 65536]);
    const values: readonly {
      value: string;
      op: string;
      phase: string;
      max: number;
      proved: number | null;
      elements: number;
      exponents: number[][];
    }[] = result.values;
    const normalize = values.find(({ op }) => op === 'normalize')!;
    assert.equal(normalize.elements, 3 * 8 * 32 * 32 * 3);
    assert.ok(normalize.max <= 1 && normalize.proved! < 1.001);
    assert.ok(values.some(({ value, phase }) => value === 'gradient of fc.weight' && phase === 'backward'));
    for (const { max, proved, phase } of values) {
      // The proof is about the weights after the last step; Adam moves them little.
      if (proved !== null) assert.ok(max * (phase === 'backward' ? 65536 : 1) <= proved * 1.1);
    }
    const { advice, proved_scale } = result;
    assert.ok(advice.best.scale <= advice.largest.scale && proved_scale <= advice.largest.scale);
    assert.ok(advice.largestGradient * advice.largest.scale < 65520 && advice.largestGradient * 2 * advice.largest.scale >= 65520);
    assert.deepEqual(result.pins, []);
  });

  it('names the layer that cannot read fp16, with the number and the line that helps', async () => {
    const wild = TINY.replace('|> flatten', '|> scale(1e6) as big |> flatten');
    const result = JSON.parse(await run(wild, '--steps', '1', '--json'));
    assert.deepEqual(
      result.pins.map(({ layer, line }: { layer: string; line: string }) => [layer, line])[0],
      ['fc', 'keep fc in fp32'],
      'the cast that fc reads',
    );
    assert.ok(result.pins[0].max > 65520 && result.pins[0].max < 1e6);
    assert.match(await run(wild, '--steps', '1'), /keep fc in fp32 {3}# reshape of flatten_1 reaches [\d,]+; fp16 ends at 65,504/);
  });

  describe('read by --calibration', () => {
    const WILD = TINY.replace('image |>', 'image |> conv2d(4, kernel: 1) as conv |>').replace(
      '|> flatten',
      '|> scale(1e6) as big |> flatten',
    );
    const plan = (file: string, ...args: readonly string[]) => ampc('plan', file, '--backend', 'reference', ...args);
    let file: string;
    let calibration: string;

    before(async () => {
      calibration = work.path('wild.json');
      const text = await run(WILD, '--steps', '1', '--out', calibration);
      assert.match(text, /written to .*wild\.json/);
      file = work.file('wild.amp', WILD);
    });

    it('keeps in f32 what overflowed and where it is read, with the number in the reason', async () => {
      const { code, stdout, stderr } = await plan(file, '--dump', '--calibration', calibration);
      assert.equal(code, 0, stderr);
      const lines = stdout.split('\n');
      const because = (label: string) => new RegExp(`why="range: ${label} reached [\\d,]+ in 1 calibration step, fp16 ends at 65,504"`);
      assert.match(lines.find((line) => line.includes('= scale ') && line.includes('layer="big"'))!, /: f32.*/);
      assert.match(lines.find((line) => line.includes('= scale ') && line.includes('layer="big"'))!, because('scale of big'));
      assert.match(lines.find((line) => line.includes('= linear '))!, because('linear of fc'));
      assert.match(lines.find((line) => line.includes('= conv2d '))!, /: f16.* why="low: conv2d"/);
    });

    it('gives way to the file, and to what the run itself finds out', async () => {
      const own = work.file('own.amp', WILD.replace('compute fp16', 'compute fp16  keep big in fp16'));
      const { stdout } = await plan(own, '--dump', '--calibration', calibration);
      assert.match(stdout, /= scale .*layer="big" why="pin: keep big in fp16 \(line 7\)"/);
    });

    it('is kept by a run, which resumes without it', async () => {
      const out = work.path('calibrated');
      const args = ['--backend', 'reference', '--data', work.dir];
      const started = await ampc('train', file, '--out', out, '--calibration', calibration, '--max-steps', '2', ...args);
      assert.equal(started.code, 0, started.stderr);
      assert.doesNotMatch(started.stdout, /skipped at loss scale [\d,]+: \S+ of big/);
      const { pins } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
      assert.deepEqual(
        pins.map(({ target, dtype }: { target: string; dtype: string }) => [target, dtype]),
        [
          ['big', 'f32'],
          ['fc', 'f32'],
        ],
      );
      const resumed = await ampc('train', file, '--resume', out, '--max-steps', '3', ...args);
      assert.equal(resumed.code, 0, resumed.stderr);
      const other = await ampc('train', file, '--resume', out, '--calibration', calibration, '--strict-ranges', ...args);
      assert.equal(other.code, 0, other.stderr);
    });

    it('keeps with --strict-ranges also what is not proved to fit', async () => {
      // Pixels reach 1, those of these pictures 0.8.
      const wide = TINY.replace('|> flatten', '|> scale(70000) as big |> flatten');
      const measuredOnly = work.path('wide.json');
      await run(wide, '--steps', '1', '--out', measuredOnly);
      const text = work.file('net.amp', wide);
      assert.doesNotMatch((await plan(text, '--dump', '--calibration', measuredOnly)).stdout, /range:/);
      const strict = (await plan(text, '--dump', '--calibration', measuredOnly, '--strict-ranges')).stdout;
      assert.match(
        strict,
        /= linear .* why="range: reshape of flatten_1 may reach 70,\d+ with the calibrated weights, fp16 ends at 65,504"/,
      );
    });

    it('is refused when it is something else, or of another model', async () => {
      for (const [path, reason] of [
        [work.path('none.json'), /AMP6211.*\n.*there is no such file/],
        [work.file('text.json', 'not json'), /AMP6211.*\n.*JSON/],
        [work.file('other.json', '{"event":"calibrate"}'), /AMP6211.*\n.*must have required property 'model'; .*; and \d+ more$/m],
      ] as const) {
        const { code, stderr } = await plan(file, '--calibration', path);
        assert.equal(code, 1);
        assert.match(stderr, reason);
      }
      assert.match((await plan(file, '--strict-ranges')).stderr, /AMP6214.*--strict-ranges goes with --calibration/);
      const renamed = work.file('renamed.amp', WILD.replace('as fc', 'as head'));
      assert.match(
        (await plan(renamed, '--calibration', calibration)).stderr,
        /AMP6212.*\n.*Tiny has no .* of fc|AMP6212.*\n.*has no .*fc/,
      );
    });
  });

  it('prints a table, and says when no scale is needed', async () => {
    const text = await run(TINY, '--steps', '1', '--batch', '4');
    assert.match(text, /Tiny: fp16, policy mixed; measured in f32 on reference, 1 step of 4 images/);
    assert.match(text, /fc +linear +f16/);
    assert.match(text, /loss scale: the file starts at 65,536/);
    assert.match(await run(TINY, '--steps', '1', '--precision', 'fp32'), /no gradient is in fp16: no loss scale is needed/);
  });
});
