import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { ScheduleSpec } from '../../src/ir/program.js';
import { learningRate, wholeCourse } from '../../src/training/schedule.js';

interface Fixture {
  readonly lr: number;
  readonly steps_per_epoch: number;
  readonly epochs: number;
  readonly cases: readonly { readonly schedule: ScheduleSpec; readonly warmup: number; readonly rates: readonly number[] }[];
}

const fixture = JSON.parse(readFileSync(new URL('../fixtures/pytorch/schedules.json', import.meta.url), 'utf8')) as Fixture;

function rates(schedule: ScheduleSpec, warmup: number, steps: number): number[] {
  const optimizer = { kind: 'sgd', lr: fixture.lr, momentum: 0, nesterov: false, weightDecay: 0 } as const;
  const course = wholeCourse(fixture.steps_per_epoch * fixture.epochs);
  return Array.from({ length: steps }, (_, step) => learningRate({ optimizer, schedule, warmup }, step, fixture.steps_per_epoch, course));
}

describe('learningRate', () => {
  for (const { schedule, warmup, rates: expected } of fixture.cases) {
    it(`agrees with PyTorch: ${JSON.stringify(schedule)}${warmup > 0 ? `, warmup ${warmup}` : ''}`, () => {
      for (const [step, rate] of rates(schedule, warmup, expected.length).entries()) {
        const wanted = expected[step] ?? Number.NaN;
        assert.ok(Math.abs(rate - wanted) <= 1e-9 * Math.abs(wanted) + 1e-15, `step ${step}: ${rate}, PyTorch has ${wanted}`);
      }
    });
  }

  it('interpolates between points, and is constant before the first and after the last', () => {
    const schedule: ScheduleSpec = {
      kind: 'piecewise',
      points: [
        [1, 0.5],
        [2, 1],
        [4, 0],
      ],
    };
    const at = (step: number): number => rates(schedule, 0, step + 1)[step] / fixture.lr;
    assert.deepEqual(
      [0, 10, 15, 20, 30, 40, 59].map((step) => Number(at(step).toFixed(12))),
      [0.5, 0.5, 0.75, 1, 0.5, 0, 0],
    );
  });

  it('jumps between two points of one epoch: the later holds from there on', () => {
    const at = (points: [number, number][], step: number): number =>
      Number((rates({ kind: 'piecewise', points }, 0, step + 1)[step] / fixture.lr).toFixed(12));
    const inside: [number, number][] = [
      [0, 1],
      [2, 1],
      [2, 0.2],
      [4, 0],
    ];
    assert.deepEqual(
      [0, 19, 20, 30, 40].map((step) => at(inside, step)),
      [1, 1, 0.2, 0.1, 0],
    );
    const first: [number, number][] = [
      [1, 1],
      [1, 0.5],
    ];
    assert.deepEqual(
      [0, 9, 10, 20].map((step) => at(first, step)),
      [1, 1, 0.5, 0.5],
    );
  });

  it('multiplies the warmup with the schedule', () => {
    const schedule: ScheduleSpec = { kind: 'step', every: 1, gamma: 0.5 };
    const plain = rates(schedule, 0, 30);
    const warm = rates(schedule, 2, 30);
    for (const step of [0, 9, 10, 19, 20, 29])
      assert.equal(warm[step], fixture.lr * Math.min(1, (step + 1) / 20) * (plain[step] / fixture.lr));
  });
});
