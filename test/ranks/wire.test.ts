import assert from 'node:assert/strict';
import type { WireType } from '../../src/ir/ranks.js';
import { exchangeReports } from '../../src/plan/exchanges.js';
import { addUp, type Collectives } from '../../src/runtime/collectives.js';
import { ampc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { useTiny } from '../support/tiny.js';
import { ranksInProcess } from './in-process.js';
import { bundle, LAUNCHERS, MISSING, startNode } from './launch.js';
import { LENGTHS, partOfRank, sumText, WIRES } from './parts.js';
import { BATCH, DATA, onRanks, planOf } from './small-plan.js';

/** Bits of the significand, and the exponent of the smallest normal number. */
const FORMATS = { f32: [24, -126], bf16: [8, -126], f16: [11, -14] } as const;

/** By arithmetic on f64 alone, to the nearest and to even. */
function rounded(x: number, [digits, smallest]: readonly [number, number]): number {
  if (x === 0) return x;
  const unit = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), smallest) + 1 - digits);
  const [low, rest] = [Math.floor(x / unit), x / unit - Math.floor(x / unit)];
  const up = rest > 0.5 || (rest === 0.5 && low % 2 !== 0);
  return (up ? low + 1 : low) * unit;
}

/** What a rank gave, the format in which it travelled, and what it got. */
interface Sum {
  readonly own: Float32Array;
  readonly wire: WireType;
  readonly sum: Float32Array;
}

/** Ranks whose sums are written down, rank by rank. */
function watched(count: number): { readonly ranks: readonly Collectives[]; readonly sums: readonly Sum[][] } {
  const sums: Sum[][] = Array.from({ length: count }, () => []);
  const ranks = ranksInProcess(count).map((peers) => ({
    ...peers,
    sum: async (own: Float32Array, wire: WireType) => {
      const sum = await peers.sum(own, wire);
      sums[peers.rank]!.push({ own: own.slice(), wire, sum });
      return sum;
    },
  }));
  return { ranks, sums };
}

async function sumsOf(count: number, precision: string, data = DATA) {
  const { ranks, sums } = watched(count);
  const all = await onRanks(count, { batch: BATCH, precision }, { data, ranks });
  return { sums, reports: all.map(({ scalars }) => scalars), states: all.map(({ states }) => states) };
}

/** Of the first step: gradients, without what is reported. */
const gradients = (sums: readonly Sum[]) => sums.filter(({ own }) => own.length > 1).slice(0, 4);

const SETTING = { f32: 'fp32', bf16: 'fp32 communicate bf16', f16: 'fp32 communicate fp16' } as const;

describe('the format in which gradients travel between ranks', function () {
  this.timeout(600_000);
  const work = useTiny();

  it('is that of `communicate`, for gradients alone, and stands in the plan with its bytes', async () => {
    const weights = 3 * 3 * 3 * 4 + 4 + 36 * 10 + 10;
    for (const wire of WIRES) {
      const reports = exchangeReports(planOf({ batch: BATCH, precision: SETTING[wire] }, { count: 2, rank: 0 }));
      const bytes = (of: WireType) => reports.filter((one) => one.wire === of).reduce((sum, one) => sum + one.bytes, 0);
      // The loss and the count of right answers.
      assert.deepEqual([bytes(wire), bytes('f32')], wire === 'f32' ? [4 * weights + 8, 4 * weights + 8] : [2 * weights, 8]);
    }
    for (const [setting, shown] of [
      ['fp32', /^ +\d +f32 +1\.9 KiB/m],
      ['bf16', /^ +\d +bf16 +980 B/m],
    ] as const) {
      const set = setting === 'fp32' ? [] : ['--set', `precision.communicate=${setting}`];
      const { stdout, stderr } = await ampc('plan', work.program, '--backend', 'reference', '--ranks', '2', ...set);
      assert.match(stdout, shown, stderr);
    }
  });

  it('is met by parts that have been divided; they are added up in f32 in the order of the ranks, and rounded once more', async () => {
    for (const count of [2, 4])
      for (const wire of ['bf16', 'f16'] as const) {
        const plain = await sumsOf(count, SETTING.f32);
        const { sums, states } = await sumsOf(count, SETTING[wire]);
        for (const rank of sums.keys()) {
          assert.deepEqual(states[rank], states[0]);
          for (const [i, { own, sum, wire: used }] of gradients(sums[rank]!).entries()) {
            assert.equal(used, wire);
            assert.deepEqual(own, gradients(plain.sums[rank]!)[i]!.own);
            const format = FORMATS[wire];
            const parts = sums.map((one) => gradients(one)[i]!.own);
            const expected = own.map((_, e) => {
              const total = parts.reduce((before, part) => Math.fround(before + rounded(part[e]!, format)), 0);
              return rounded(total, format);
            });
            assert.deepEqual(sum, expected);
          }
        }
      }
  });

  it('overflows in no sum whose whole it holds: ranks that each had the whole would', async () => {
    // With one label the gradients of all images point the same way.
    const data = { ...DATA, label: new Int32Array(DATA.label.length) };
    const precision = 'fp16 loss_scale static(65536) communicate fp16';
    const alone = gradients((await sumsOf(1, precision, data)).sums[0]!);
    const { sums, reports } = await sumsOf(2, precision, data);
    const most = (values: Float32Array) => Math.max(...values.map(Math.abs));
    const wholes = alone.map(({ own }) => most(own));
    assert.ok(Math.max(...wholes) < 65504 && 2 * Math.max(...wholes) > 65520, String(wholes));
    for (const { sum } of gradients(sums[0]!)) assert.ok(sum.every(Number.isFinite));
    assert.equal(reports[0]![0]!.ok, 1);
  });

  it('has the same bits with both libraries', async function () {
    if (MISSING !== undefined) skip(this, `there is no ${MISSING}`);
    const script = bundle('sums-rank');
    const sumOf = (wire: WireType, length: number) =>
      addUp(
        [0, 1, 2].map((rank) => partOfRank(rank, length)),
        wire,
      );
    const expected = WIRES.flatMap((wire) => LENGTHS.map((length) => sumText(wire, length, sumOf(wire, length))));
    for (const launcher of Object.values(LAUNCHERS)) {
      const { code, stdout, stderr } = await startNode(launcher, 3, [script]).result;
      assert.equal(code, 0, stderr);
      assert.deepEqual(stdout.trim().split(/\r?\n/), [...expected, ...expected, ...expected]);
    }
  });
});
