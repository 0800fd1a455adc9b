import assert from 'node:assert/strict';
import type { Measurement } from '../../bench/measure.js';
import { median, summarize } from '../../bench/statistics.js';
import { bestLimits, formatMs, limitOf, limitsLine, markdown, memoryTable, ratioOf, timingTable, verdict } from '../../bench/table.js';
import { findWork, PRECISIONS, type Precision, peerSteps, WORKS, type WorkName } from '../../bench/works.js';
import type { MachineLimits } from '../../src/runtime/backend.js';

const LIMITS: MachineLimits = { threads: 2, f32: { one: 100, all: 200 }, bf16: { one: 200, all: 400 }, memory: { one: 10, all: 15 } };

function measured(name: WorkName, precision: Precision, ampc: number, torch?: number, own?: number): Measurement {
  const timing = (ms: number) => ({ median: ms, min: ms, count: 1 });
  return {
    work: findWork(name),
    precision,
    ampc: timing(ampc),
    torch: torch === undefined ? undefined : { ...timing(torch), mode: 'eager' },
    own: own === undefined ? undefined : timing(own),
    flops: 1e9,
    memory: { forecast: 2 << 20, states: 1 << 20, arena: 1 << 20, workspace: 1 << 19 },
    device: 'some processor',
    pipeline: undefined,
    notes: [],
  };
}

describe('the benchmark statistics', () => {
  it('take the middle, or the mean of the two in the middle', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 3, 2]), 2.5);
    assert.throws(() => median([]), /nothing/);
  });

  it('keep the fastest and the count', () => {
    assert.deepEqual(summarize([5, 10, 1, 7]), { median: 6, min: 1, count: 4 });
  });
});

describe('the benchmark table', () => {
  it('compares with PyTorch, or with its own fp32 where that is the goal', () => {
    const all = [
      measured('simple-step', 'fp32', 6, 10),
      measured('simple-step', 'bf16', 4, 10),
      measured('simple-step', 'fp16', 9, 200, 6),
    ];
    assert.deepEqual(all.map(ratioOf), [0.6, 0.4, 1.5]);
    assert.equal(ratioOf(measured('simple-step', 'fp32', 6)), undefined);
    assert.equal(ratioOf(measured('simple-step', 'fp16', 6, 200)), undefined);
  });

  it('says whether a goal was met', () => {
    const goal = { against: 'PyTorch', atMost: 0.7, aim: 0.6 } as const;
    assert.deepEqual(
      [0.6, 0.61, 0.7, 0.71, undefined].map((ratio) => verdict(ratio, goal)),
      ['aim met', 'met', 'met', 'missed', ''],
    );
    assert.equal(verdict(0.5, undefined), '');
  });

  it('has a row for each measurement, in Markdown', () => {
    const lines = timingTable([measured('simple-step', 'fp32', 10, 20), measured('simple-step', 'bf16', 5)], LIMITS).split('\n');
    assert.equal(lines.length, 4);
    const cells = (line: string) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim());
    assert.equal(cells(lines[1]!)[0], '---');
    assert.deepEqual(cells(lines[2]!).slice(1), [
      'fp32',
      '10.0 (10.0)',
      '20.0 (20.0) eager',
      '0.50',
      '0.70, aim 0.60',
      'aim met',
      '100',
      '50 %',
      '25 %',
    ]);
    assert.deepEqual(cells(lines[3]!).slice(1, 5), ['bf16', '5.00 (5.00)', '-', '-']);
    assert.equal(new Set(lines.map((line) => cells(line).length)).size, 1);
    assert.equal(markdown(['a', 'b'], [['x', '1']], 1), '| a | b |\n| --- | ---: |\n| x | 1 |');
  });

  it('measures bf16 by its own limit where the processor has one', () => {
    assert.equal(limitOf('bf16', LIMITS), 400);
    assert.equal(limitOf('fp16', LIMITS), 200);
    assert.equal(limitOf('bf16', { ...LIMITS, bf16: undefined }), 200);
    assert.match(limitsLine({ ...LIMITS, bf16: undefined }), /no bf16 dot product/);
  });

  it('keeps the better of two measurements of the limits', () => {
    const slower = { ...LIMITS, f32: { one: 90, all: 210 } };
    assert.deepEqual(bestLimits(LIMITS, slower), { ...LIMITS, f32: { one: 100, all: 210 } });
  });

  it('shows the forecast of memory beside what was allocated, for training steps', () => {
    const text = memoryTable([measured('simple-step', 'fp32', 1), measured('epoch', 'fp32', 1)]);
    assert.match(text, /\| 2\.0 \| 2\.0 \| 0\.5 \| 25 % \|$/);
    assert.equal(text.split('\n').length, 3);
  });

  it('writes three digits that count', () => {
    assert.deepEqual([4.612, 46.12, 461.2].map(formatMs), ['4.61', '46.1', '461']);
  });
});

describe('the benchmark works', () => {
  it('spare PyTorch the slow emulation of fp16', () => {
    assert.equal(peerSteps(findWork('simple-step'), 'bf16', 40), 40);
    assert.equal(peerSteps(findWork('simple-step'), 'fp16', 40), 3);
    assert.equal(peerSteps(findWork('resnet-step'), 'fp16', 40), 0);
  });

  it('have a goal in fp32 and bf16', () => {
    for (const name of WORKS) for (const precision of PRECISIONS) assert.ok(precision === 'fp16' || findWork(name).goals[precision], name);
  });
});
