import assert from 'node:assert/strict';
import { targetFor } from '../../src/codegen/c/target.js';
import { filtering } from '../../src/codegen/c/winograd.js';
import { COMPUTE_TYPES } from '../../src/ir/types.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { namedRandom } from '../ops/random.js';
import { IS_LONG } from '../support/amount.js';
import { skip } from '../support/skip.js';
import { batchPlan, runCase } from './batch.js';
import { compilePlan, compilerNamed, runnableSets } from './compile.js';
import { CaseBuilder } from './contraction-cases.js';
import { checkClose, filteredCases, filteredKernels, SAME, SHAPES, STRIDE, someFilteredCases } from './winograd-cases.js';

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

  it('takes these convolutions and their gradients, in tiles that the format of the operands allows', () => {
    for (const isa of ['avx512', 'avx2', 'plain'] as const) {
      const target = targetFor(isa, 'x64');
      assert.deepEqual(filteredKernels(filteredCases(['f16']), target), { two: 8, four: 31, five: 12, seven: 0 }, isa);
      assert.deepEqual(filteredKernels(filteredCases(['f32']), target), { two: 51, four: 0, five: 0, seven: 0 }, isa);
    }
    // Dot products of bf16 leave less to gain.
    assert.deepEqual(filteredKernels(filteredCases(['bf16']), targetFor('avx512bf16', 'x64')), { two: 0, four: 20, five: 6, seven: 2 });
  });

  it('agrees with the reference', () => checkClose(IS_LONG ? filteredCases(COMPUTE_TYPES) : someFilteredCases(COMPUTE_TYPES), compilePlan));

  for (const isa of ['avx512', 'avx2', 'plain'] as const) {
    it(`agrees with the reference with ${isa} instructions`, async function () {
      const compiler = await compilerNamed();
      if (compiler === undefined || !(await runnableSets(compiler)).includes(isa)) skip(this, `this processor does not run ${isa}`);
      await checkClose(someFilteredCases(['f16', 'f32'], SHAPES.slice(0, 3)), (plan) => compilePlan(plan, { isa }));
    });
  }

  it("keeps infinities and NaNs where the plain sums have them, and in a weight's gradient in the same channels", async () => {
    for (const dtype of ['f16', 'bf16', 'f32'] as const) {
      const b = new CaseBuilder(namedRandom('infinities', 1), dtype, false);
      // Tiles of 5x5 of the 14x14 results overlap at the edge, and those of their gradients go beyond it.
      const pixel = (image: number, row: number, column: number, channel: number) => ((image * 14 + row) * 14 + column) * 32 + channel;
      const special = new Map([
        [pixel(0, 2, 3, 3), Infinity],
        [pixel(1, 11, 13, 9), -Infinity],
        [pixel(3, 13, 10, 0), NaN],
        [pixel(5, 6, 6, 31), 65504],
      ]);
      let at = 0;
      const x = b.given('x', [6, 14, 14, 32], () => special.get(at++) ?? b.random.real(-1, 1));
      const attrs = { ...STRIDE, padding: SAME };
      const y = b.emit('conv2d', [x, b.low('weight', [3, 3, 32, 64])], attrs);
      const dx = b.emit('conv2d_input_grad', [x, b.low('back', [3, 3, 64, 32])], { ...attrs, size: [14, 14] }, 'f32');
      const dweight = b.emit('conv2d_weight_grad', [x, b.low('dy', [6, 14, 14, 64])], { ...attrs, kernel: [3, 3] }, 'f32');
      const item = b.finish('infinities', { y, dx, dweight });
      const counts = filteredKernels([item], targetFor('avx512', 'x64'));
      const expected = { f16: { five: 3 }, bf16: { five: 1, seven: 2 }, f32: { two: 3 } }[dtype];
      assert.deepEqual(counts, { two: 0, four: 0, five: 0, seven: 0, ...expected });
      const { values } = evaluateGraph(item.graph, item.inputs, item.states);
      const reference = (name: string) => Float32Array.from(values.get(item.graph.outputs[name]!)!);
      const executable = await compilePlan(batchPlan([item], 'cpu'));
      await runCase(executable, item, 0, 'y');
      for (const name of ['y', 'dx']) {
        const want = notFinite(reference(name));
        assert.ok(want.includes('NaN') && want.includes('-Infinity'));
        assert.equal(notFinite(await executable.readOutput(name)), want, `${name} in ${dtype}`);
      }
      const channels = (gradient: Float32Array) =>
        [...new Set([...gradient.keys()].filter((i) => !Number.isFinite(gradient[i])).map((i) => Math.floor(i / 64) % 32))].sort();
      assert.deepEqual(channels(await executable.readOutput('dweight')), channels(reference('dweight')));
      await executable.dispose();
    }
  });

  it('gives the same bits with any number of threads', async () => {
    const all = someFilteredCases(['f16', 'f32'], SHAPES.slice(0, 2));
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
