import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AverageSpec, averageShare, averagesTaken } from '../../src/ir/average.js';
import { averagedIn } from '../../src/ir/graph-names.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { ampc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { inTemporaryFolder, readMetrics } from './support/fake.js';

const LENGTH = { stepsPerEpoch: 10, totalSteps: 40 };
const due = (spec: AverageSpec) =>
  Array.from({ length: 40 }, (_, step) => step + 1).filter((step) => averageShare(spec, step - 1, LENGTH) > 0);

describe('how much of a step enters the averages', () => {
  const evaluate = 'average';

  it('of ema is one less the decay, every so many steps from some epoch on', () => {
    const spec: AverageSpec = { kind: 'ema', decay: 0.9, every: 1, from: 0, warmup: false, evaluate };
    assert.deepEqual(
      due(spec),
      Array.from({ length: 40 }, (_, at) => at + 1),
    );
    assert.equal(averageShare(spec, 7, LENGTH), 1 - 0.9);
    assert.deepEqual(due({ ...spec, every: 6, from: 2.5 }), [31, 37]);
    const warm = { ...spec, decay: 0.5, warmup: true } as const;
    assert.deepEqual(
      [0, 1, 2, 20].map((step) => averageShare(warm, step, LENGTH)),
      [1 - 1 / 10, 1 - 2 / 11, 1 - 3 / 12, 0.5],
    );
  });

  it('of swa is all, which the plan divides, at the ends of epochs or of parts of them', () => {
    assert.deepEqual(due({ kind: 'swa', from: 1, every: 1, evaluate }), [20, 30, 40]);
    assert.deepEqual(due({ kind: 'swa', from: 3, every: 0.25, evaluate }), [33, 35, 38, 40]);
    assert.deepEqual(due({ kind: 'swa', from: 4, every: 1, evaluate }), []);
    assert.equal(averagesTaken({ kind: 'swa', from: 1, every: 1, evaluate }, LENGTH), 3);
  });

  it('of lookahead may fall with the step', () => {
    const spec: AverageSpec = { kind: 'lookahead', every: 5, decay: 0.95 ** 5, power: 3, evaluate };
    assert.deepEqual(due(spec), [5, 10, 15, 20, 25, 30, 35, 40]);
    assert.equal(averageShare(spec, 19, LENGTH), 1 - 0.95 ** 5 * (20 / 40) ** 3);
    assert.equal(averageShare({ ...spec, power: 0 }, 19, LENGTH), 1 - 0.95 ** 5);
  });
});

const program = (average: string) => `dataset shapes(images: 96, size: 16) { normalize(mean: 0.5, std: 0.5) }

model Small(image: dataset.shape) -> [dataset.classes] {
  image |> conv2d(4, kernel: 3, stride: 2) as conv1 |> batch_norm as bn1 |> relu |> global_avg_pool |> linear(dataset.classes) as fc
}

precision { compute fp32 }

train { optimizer sgd(lr: 0.1, momentum: 0.9)  ${average}  batch 16  epochs 3 }
`;

type Epoch = Readonly<Record<string, unknown>>;

async function tensorsOf(run: string, name: string): Promise<ReadonlyMap<string, readonly number[]>> {
  const { tensors } = await readSafetensors(join(run, `${name}.safetensors`));
  return new Map([...tensors].map(([key, { data }]) => [key, [...data]]));
}

const lines = async (run: string) => (await readMetrics(run)) as readonly Epoch[];
const epochsOf = async (run: string) => (await lines(run)).filter(({ event }) => event === 'epoch');

describe('a run that keeps averages', function () {
  this.timeout(120_000);
  const set = environment(['AMPC_CACHE']);

  const train = (dir: string, name: string, average: string, ...options: string[]) => {
    writeFileSync(join(dir, `${name}.amp`), program(average));
    const file = join(dir, `${name}.amp`);
    return ampc('train', file, '--backend', 'reference', '--out', join(dir, name), '--quiet', ...options);
  };

  it('trains as without them, evaluates and saves the averages, and the weights themselves beside them', () =>
    inTemporaryFolder(async (dir) => {
      set({ AMPC_CACHE: join(dir, 'cache') });
      await train(dir, 'none', '');
      await train(dir, 'ema', 'average ema(decay: 0.8)');
      await train(dir, 'raw', 'average ema(decay: 0.8, evaluate: raw)');
      const [none, ema, raw] = [await epochsOf(join(dir, 'none')), await epochsOf(join(dir, 'ema')), await epochsOf(join(dir, 'raw'))];
      for (const [at, epoch] of none.entries()) {
        assert.equal(ema[at]!.train_loss, epoch.train_loss);
        assert.equal(ema[at]!.raw_test_loss, epoch.test_loss);
        assert.equal(raw[at]!.test_loss, epoch.test_loss);
        assert.equal(raw[at]!.average_test_loss, ema[at]!.test_loss);
        assert.notEqual(ema[at]!.test_loss, epoch.test_loss);
      }
      const [weights, averages] = [await tensorsOf(join(dir, 'none'), 'last'), await tensorsOf(join(dir, 'ema'), 'last')];
      assert.deepEqual(await tensorsOf(join(dir, 'ema'), 'last-raw'), weights);
      assert.deepEqual(await tensorsOf(join(dir, 'raw'), 'last-average'), averages);
      const checkpoint = await tensorsOf(join(dir, 'ema'), 'checkpoint');
      for (const [name, values] of checkpoint) {
        const of = averagedIn(name);
        if (of !== undefined) assert.deepEqual(averages.get(of), values, name);
      }
      const { stdout } = await ampc('eval', join(dir, 'ema'), '--backend', 'reference', '--json');
      const [evaluated] = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Epoch);
      assert.equal(evaluated!.test_loss, ema.at(-1)!.test_loss);
      assert.equal(evaluated!.raw_test_loss, ema.at(-1)!.raw_test_loss);
    }));

  it('saves the other of both without testing it, where it is told to', () =>
    inTemporaryFolder(async (dir) => {
      set({ AMPC_CACHE: join(dir, 'cache') });
      for (const both of [true, false]) await train(dir, `${both}`, `average ema(decay: 0.8, both: ${both})`, '--epochs', '1');
      const [both, one] = [await epochsOf(join(dir, 'true')), await epochsOf(join(dir, 'false'))];
      assert.equal(one[0]!.test_loss, both[0]!.test_loss);
      assert.equal(one[0]!.raw_test_loss, undefined);
      assert.deepEqual(await tensorsOf(join(dir, 'false'), 'last-raw'), await tensorsOf(join(dir, 'true'), 'last-raw'));
    }));

  it('takes the mean of the weights at the ends of epochs, once there are some', () =>
    inTemporaryFolder(async (dir) => {
      set({ AMPC_CACHE: join(dir, 'cache') });
      const ends = [];
      for (const epochs of ['2', '3']) {
        await train(dir, `to-${epochs}`, '', '--epochs', epochs);
        ends.push(await tensorsOf(join(dir, `to-${epochs}`), 'last'));
      }
      await train(dir, 'swa', 'average swa(from: 1)');
      const means = await tensorsOf(join(dir, 'swa'), 'last');
      for (const [name, values] of means)
        for (const [at, value] of values.entries()) {
          const [a, b] = ends.map((end) => end.get(name)![at]!);
          assert.ok(Math.abs(value - (a! + b!) / 2) < 1e-6, `${name}[${at}] is ${value}, not the mean of ${a} and ${b}`);
        }
      const [first, second, third] = await epochsOf(join(dir, 'swa'));
      assert.equal(first!.raw_test_loss, undefined);
      // The mean of one.
      assert.equal(second!.raw_test_loss, second!.test_loss);
      assert.notEqual(third!.raw_test_loss, third!.test_loss);
    }));

  for (const average of ['ema(decay: 0.8)', 'swa(from: 0.5, every: 0.5)', 'lookahead(every: 4, decay: 0.7, power: 3)'])
    it(`ends with the same bits when it was interrupted: ${average}`, () =>
      inTemporaryFolder(async (dir) => {
        set({ AMPC_CACHE: join(dir, 'cache') });
        await train(dir, 'whole', `average ${average}`);
        await train(dir, 'parts', `average ${average}`, '--max-steps', '5');
        const again = ['train', join(dir, 'parts.amp'), '--resume', join(dir, 'parts'), '--backend', 'reference', '--quiet'];
        await ampc(...again);
        for (const name of ['checkpoint', 'last', 'last-raw', 'best'])
          assert.deepEqual(await tensorsOf(join(dir, 'parts'), name), await tensorsOf(join(dir, 'whole'), name), name);
        const scores = async (run: string) =>
          (await epochsOf(run)).map(({ test_loss, raw_test_loss, train_loss }) => [test_loss, raw_test_loss, train_loss]);
        assert.deepEqual(await scores(join(dir, 'parts')), await scores(join(dir, 'whole')));
      }));

  it('goes on with the averages where other parameters are frozen from some epoch on', () =>
    inTemporaryFolder(async (dir) => {
      set({ AMPC_CACHE: join(dir, 'cache') });
      await train(dir, 'phases', 'average ema(decay: 0.8)  freeze fc until 1  freeze conv1 after 1');
      const [averages, weights] = [await tensorsOf(join(dir, 'phases'), 'last'), await tensorsOf(join(dir, 'phases'), 'last-raw')];
      assert.notDeepEqual(averages.get('conv1.weight'), weights.get('conv1.weight'), 'frozen in the end, of what was trained before');
      assert.notDeepEqual(averages.get('fc.weight'), weights.get('fc.weight'));
      assert.notDeepEqual(averages.get('bn1.running_mean'), weights.get('bn1.running_mean'));
      assert.ok([...averages.values()].flat().every(Number.isFinite));
    }));
});
