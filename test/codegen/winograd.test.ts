import assert from 'node:assert/strict';
import { emitC } from '../../src/codegen/c/emit.js';
import { type InstructionSet, targetFor } from '../../src/codegen/c/target.js';
import { filtering } from '../../src/codegen/c/winograd.js';
import { FLOAT_TYPES } from '../../src/ir/types.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { namedRandom } from '../ops/random.js';
import { skip } from '../support/skip.js';
import { batchPlan, runCase } from './batch.js';
import { compilePlan, compilerNamed, runnableSets } from './compile.js';
import { CaseBuilder, type ContractionCase } from './contraction-cases.js';
import { checkClose, filteredCases, SAME, SHAPES, STRIDE } from './winograd-cases.js';

/** How many of a plan's contractions are computed by filtering, by the tile's size. */
function filteredKernels(all: readonly ContractionCase[], isa: InstructionSet): { readonly two: number; readonly four: number } {
  const { text } = emitC(batchPlan(all, 'cpu'), targetFor(isa, 'x64'));
  const count = (size: number) => [...text.matchAll(new RegExp(`tiles of ${size}x${size} (results|gradients) at once`, 'g'))].length;
  return { two: count(2), four: count(4) };
}

/** Positions of infinities of each sign and of NaNs. */
function notFinite(values: Float32Array): string {
  return [...values].flatMap((value, i) => (Number.isFinite(value) ? [] : [`${i}: ${value}`])).join(' ');
}

describe("Winograd's filtering", function () {
  this.timeout(300_000);

  it('computes sums over neighbours', () => {
    const random = namedRandom('filtering', 1);
    for (const [results, taps] of [
      [2, 3],
      [4, 3],
      [3, 2],
      [3, 4],
    ] as const) {
      const f = filtering(results, taps);
      const numbers = (count: number) => Array.from({ length: count }, () => random.real(-1, 1));
      const times = (matrix: readonly (readonly number[])[], v: readonly number[]) =>
        matrix.map((row) => row.reduce((sum, value, i) => sum + value * v[i]!, 0));
      const [inputs, weights] = [numbers(f.points), numbers(taps)];
      const [a, b] = [times(f.input, inputs), times(f.weight, weights)];
      const sums = times(
        f.output,
        a.map((value, i) => value * b[i]!),
      );
      sums.forEach((sum, i) => {
        const want = weights.reduce((total, weight, tap) => total + weight * inputs[i + tap]!, 0);
        assert.ok(Math.abs(sum - want) < 1e-14, `${results} results of ${taps} taps: ${sum}, not ${want}`);
      });
    }
  });

  it('takes these convolutions and their gradients, 4x4 with 16-bit operands and 2x2 with f32', () => {
    for (const isa of ['avx512', 'avx2', 'plain'] as const) {
      const low = filteredKernels(filteredCases(['f16']), isa);
      assert.ok(low.four >= 3 * SHAPES.length && low.two > 0, `${isa}: ${JSON.stringify(low)}`);
      const full = filteredKernels(filteredCases(['f32']), isa);
      assert.ok(full.two >= 3 * SHAPES.length && full.four === 0, `${isa}: ${JSON.stringify(full)}`);
    }
    assert.ok(filteredKernels(filteredCases(['bf16']), 'avx512bf16').four > SHAPES.length);
  });

  it('agrees with the reference', () => checkClose(filteredCases(FLOAT_TYPES), compilePlan));

  for (const isa of ['avx512', 'avx2', 'plain'] as const) {
    it(`agrees with the reference with ${isa} instructions`, async function () {
      const compiler = await compilerNamed();
      if (compiler === undefined || !(await runnableSets(compiler)).includes(isa)) skip(this, `this processor does not run ${isa}`);
      await checkClose(filteredCases(['f16', 'f32'], SHAPES.slice(0, 3)), (plan) => compilePlan(plan, { isa }));
    });
  }

  it('keeps infinities and NaNs where the plain sums have them', async () => {
    for (const dtype of ['f16', 'f32'] as const) {
      const b = new CaseBuilder(namedRandom('infinities', 1), dtype, false);
      const special = new Map([
        [32 * 40 + 3, Infinity],
        [32 * 300 + 9, -Infinity],
        [32 * 511, NaN],
        [32 * 1200 + 31, 65504],
      ]);
      let at = 0;
      const x = b.given('x', [6, 16, 16, 32], () => special.get(at++) ?? b.random.real(-1, 1));
      const weight = b.low('weight', [3, 3, 32, 64]);
      const attrs = { ...STRIDE, padding: SAME };
      const y = b.emit('conv2d', [x, weight], attrs);
      const back = b.low('back', [3, 3, 64, 32]);
      const dx = b.emit('conv2d_input_grad', [x, back], { ...attrs, size: [16, 16] }, 'f32');
      const item = b.finish('infinities', { y, dx });
      assert.equal(dtype === 'f16' ? filteredKernels([item], 'avx512').four : filteredKernels([item], 'avx512').two, 2);
      const { values } = evaluateGraph(item.graph, item.inputs, item.states);
      const executable = await compilePlan(batchPlan([item], 'cpu'));
      await runCase(executable, item, 0, 'y');
      for (const name of ['y', 'dx']) {
        const want = notFinite(Float32Array.from(values.get(item.graph.outputs[name]!)!));
        assert.ok(want.includes('NaN') && want.includes('-Infinity'));
        assert.equal(notFinite(await executable.readOutput(name)), want, `${name} in ${dtype}`);
      }
      await executable.dispose();
    }
  });

  it('gives the same bits with any number of threads', async () => {
    const all = filteredCases(['f16', 'f32'], SHAPES.slice(0, 2));
    const outputs: Float32Array[][] = [];
    for (const threads of [1, 2, 3]) {
      const executable = await compilePlan(batchPlan(all, 'cpu'), { threads });
      const results: Float32Array[] = [];
      for (const [index, item] of all.entries()) {
        const names = Object.keys(item.graph.outputs);
        await runCase(executable, item, index, names[0]);
        for (const name of names) results.push(await executable.readOutput(name));
      }
      await executable.dispose();
      outputs.push(results);
    }
    assert.deepEqual(outputs[1], outputs[0]);
    assert.deepEqual(outputs[2], outputs[0]);
  });
});
