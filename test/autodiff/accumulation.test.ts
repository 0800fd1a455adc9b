import assert from 'node:assert/strict';
import { buildAccumulateStep, buildTrainStep } from '../../src/autodiff/step.js';
import type { LossScaling } from '../../src/ir/program.js';
import { OPTIMIZERS } from '../support/configurations.js';
import { type Model, programOf } from '../support/network.js';
import { callInDoubles, type Doubles, initialDoubles, randomInputs } from '../support/run.js';

const MICRO = 2;
const COUNT = 3;

/** No batch norm and no dropout: they see micro-batches. */
const model: Model = ({ image, call }) => {
  const x = call('relu', call('max_pool2d', call('conv2d', image, { channels: 4, kernel: 3 }), { kernel: 2 }));
  return call('linear', call('tanh', call('linear', call('flatten', x), { features: 6 })), { features: 10 });
};

const SCALINGS: readonly LossScaling[] = [{ kind: 'none' }, { kind: 'static', scale: 512 }];

function inOneBatch(optimizer: keyof typeof OPTIMIZERS, scaling: LossScaling, clip: number): Doubles {
  const program = programOf(model, { batch: MICRO * COUNT, train: { optimizer: OPTIMIZERS[optimizer], clip } });
  const graph = buildTrainStep(program.train, program.recipe, scaling, MICRO * COUNT);
  const states = initialDoubles(graph);
  for (const seed of [1, 2]) callInDoubles(graph, randomInputs(program, seed), states);
  return states;
}

function inMicroBatches(optimizer: keyof typeof OPTIMIZERS, scaling: LossScaling, clip: number): Doubles {
  const program = programOf(model, { batch: MICRO, train: { optimizer: OPTIMIZERS[optimizer], clip, accumulate: COUNT } });
  const accumulate = buildAccumulateStep(program.train, program.recipe, scaling, MICRO);
  const last = buildTrainStep(program.train, program.recipe, scaling, MICRO);
  const states = initialDoubles(accumulate, last);
  for (const seed of [1, 2]) {
    const { image, label, lr } = randomInputs(program, seed, { batch: MICRO * COUNT });
    for (let i = 0; i < COUNT; i += 1) {
      const part = <T extends Uint8Array | Int32Array>(all: T) => all.slice((all.length / COUNT) * i, (all.length / COUNT) * (i + 1));
      callInDoubles(i === COUNT - 1 ? last : accumulate, { image: part(image), label: part(label), lr }, states);
    }
  }
  return states;
}

describe('gradient accumulation', () => {
  for (const optimizer of Object.keys(OPTIMIZERS)) {
    it(`${COUNT} micro-batches are one batch to ${optimizer}, scaled and clipped or not`, () => {
      for (const scaling of SCALINGS) {
        for (const clip of [0, 0.1]) {
          const micro = inMicroBatches(optimizer, scaling, clip);
          for (const [name, expected] of inOneBatch(optimizer, scaling, clip)) {
            for (const [i, w] of micro.get(name)!.entries())
              assert.ok(Math.abs(w - expected[i]) < 1e-9, `${name}[${i}]: ${w}, not ${expected[i]}`);
          }
        }
      }
    });
  }

  it('moves running statistics as one micro-batch after the other does, at the end of the step', () => {
    const normed: Model = ({ image, call }) =>
      call('linear', call('flatten', call('batch_norm', image, { momentum: 0.3 }, { as: 'bn' })), { features: 10 });
    const statisticsWith = (accumulate: number) => {
      const program = programOf(normed, { batch: MICRO, train: { optimizer: OPTIMIZERS.sgd!, accumulate } });
      const last = buildTrainStep(program.train, program.recipe, { kind: 'none' }, MICRO);
      const micro = accumulate === 1 ? last : buildAccumulateStep(program.train, program.recipe, { kind: 'none' }, MICRO);
      const states = initialDoubles(micro, last);
      const seen = [];
      for (let i = 0; i < 2 * COUNT; i += 1) {
        callInDoubles(i % accumulate === accumulate - 1 ? last : micro, randomInputs(program, i, { lr: 0 }), states);
        seen.push(['bn.running_mean', 'bn.running_var'].flatMap((name) => [...states.get(name)!]));
      }
      return seen;
    };
    const [one, all] = [statisticsWith(1), statisticsWith(COUNT)];
    for (const step of [0, 1]) {
      const [first, end] = [step * COUNT, step * COUNT + COUNT - 1] as const;
      const before = step === 0 ? [0, 0, 0, 1, 1, 1] : all[first - 1];
      for (let i = first; i < end; i += 1) assert.deepEqual(all[i], before, 'they wait for the end');
      for (const [i, value] of all[end]!.entries()) assert.ok(Math.abs(value - one[end]![i]!) < 1e-12, `${value}, not ${one[end]![i]}`);
    }
  });

  it('starts the next step from zero', () => {
    const states = inMicroBatches('adam', { kind: 'none' }, 0);
    const sums = [...states].filter(([name]) => name.endsWith('.grad'));
    assert.equal(sums.length, 6);
    for (const [name, sum] of sums)
      assert.ok(
        sum.every((g) => g === 0),
        name,
      );
  });
});
