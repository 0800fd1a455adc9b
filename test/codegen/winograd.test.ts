import assert from 'node:assert/strict';
import { emitC } from '../../src/codegen/c/emit.js';
import { type InstructionSet, targetFor } from '../../src/codegen/c/target.js';
import { filtering } from '../../src/codegen/c/winograd.js';
import { FLOAT_TYPES, type FloatType, type ValueId } from '../../src/ir/types.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { largest } from '../ops/compare.js';
import { namedRandom } from '../ops/random.js';
import { skip } from '../support/skip.js';
import { batchPlan, runCase } from './batch.js';
import { compilePlan, compilerNamed, runnableSets } from './compile.js';
import { CaseBuilder, type ContractionCase } from './contraction-cases.js';

interface Shape {
  readonly x: readonly [images: number, height: number, width: number, channels: number];
  readonly out: number;
  readonly padding: readonly [number, number, number, number];
}

const SAME = [1, 1, 1, 1] as const;

/** 3x3 convolutions of stride one: results that tiles fill, results whose last tile overlaps, few and many channels, any padding. */
const SHAPES: readonly Shape[] = [
  { x: [7, 16, 16, 32], out: 64, padding: SAME },
  { x: [40, 4, 4, 64], out: 80, padding: SAME },
  { x: [6, 13, 10, 48], out: 32, padding: SAME },
  { x: [5, 12, 12, 64], out: 112, padding: [0, 0, 0, 0] },
  { x: [9, 7, 9, 64], out: 48, padding: [2, 1, 0, 2] },
  { x: [17, 8, 8, 96], out: 64, padding: [2, 2, 2, 2] },
  { x: [6, 8, 8, 112], out: 64, padding: SAME },
];

const POOL = { window: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] };
const STRIDE = { stride: [1, 1] };

/** A convolution with a bias and an activation, and its two gradients. */
function plainCase({ x: size, out, padding }: Shape, dtype: FloatType): ContractionCase {
  const b = new CaseBuilder(namedRandom('winograd', size[1]), dtype, false);
  const [x, weight] = [b.low('x', size), b.low('weight', [3, 3, size[3], out])];
  const attrs = { ...STRIDE, padding };
  const y = b.emit('relu', [b.emit('conv2d', [x, weight, b.full('bias', [out])], attrs)]);
  const dy = b.low('dy', b.shape(y));
  const dx = b.emit('conv2d_input_grad', [dy, weight], { ...attrs, size: size.slice(1, 3) }, b.anyFormat());
  const dweight = b.emit('conv2d_weight_grad', [x, dy], { ...attrs, kernel: [3, 3] }, b.anyFormat());
  return b.finish(`${size.join('x')} to ${out}, padding ${padding}`, { y, dx, dweight });
}

/** The same with a pool behind it, whose gradient the gradients' kernels place. */
function pooledCase({ x: size, out, padding }: Shape, dtype: FloatType): ContractionCase {
  const b = new CaseBuilder(namedRandom('winograd pool', size[1]), dtype, false);
  const [x, weight] = [b.low('x', size), b.low('weight', [3, 3, size[3], out])];
  const attrs = { ...STRIDE, padding };
  const y = b.emit('conv2d', [x, weight], attrs);
  const pooled = b.emit('relu', [b.emit('max_pool2d', [y], POOL)]);
  // Not of y: a rounding more or less may pick another one of near equals.
  const index = b.emit('max_pool2d_index', [b.low('other', b.shape(y))], POOL);
  const placed = b.emit('max_pool2d_grad', [b.low('dy', b.shape(index)), index], { ...POOL, size: b.shape(y).slice(1, 3) });
  const dx = b.emit('conv2d_input_grad', [placed, weight], { ...attrs, size: size.slice(1, 3) });
  const dweight = b.emit('conv2d_weight_grad', [x, placed], { ...attrs, kernel: [3, 3] }, 'f32');
  return b.finish(`${size.join('x')} to ${out} and pool, padding ${padding}`, { pooled, dx, dweight });
}

function cases(formats: readonly FloatType[], shapes = SHAPES): ContractionCase[] {
  return shapes.flatMap((shape) => {
    const [height, width] = [1, 2].map((axis) => shape.x[axis]! + shape.padding[2 * axis - 2]! + shape.padding[2 * axis - 1]! - 2);
    const even = height! % 2 === 0 && width! % 2 === 0;
    return formats.flatMap((dtype) => [plainCase(shape, dtype), ...(even ? [pooledCase(shape, dtype)] : [])]);
  });
}

/** Largest rounding error of a format, relative. */
const ROUNDING: Readonly<Record<string, number>> = { f32: 2 ** -24, f16: 2 ** -11, bf16: 2 ** -8 };

async function checkClose(all: readonly ContractionCase[], isa?: InstructionSet): Promise<void> {
  const executable = await compilePlan(batchPlan(all, 'cpu'), isa === undefined ? {} : { isa });
  try {
    for (const [index, item] of all.entries()) {
      const { values } = evaluateGraph(item.graph, item.inputs, item.states);
      const names = Object.keys(item.graph.outputs);
      await runCase(executable, item, index, names[0]);
      for (const name of names) {
        const id = item.graph.outputs[name] as ValueId;
        const [got, want] = [await executable.readOutput(name), values.get(id)!];
        const rounding = 2 * ROUNDING[item.graph.nodes[id]!.type.dtype]!;
        const most = largest(want);
        got.forEach((value, i) => {
          const allowed = rounding * Math.abs(want[i]!) + 4e-6 * most;
          assert.ok(Math.abs(value - want[i]!) <= allowed, `${item.title}: ${name}[${i}] is ${value}, the reference has ${want[i]}`);
        });
      }
    }
  } finally {
    await executable.dispose();
  }
}

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
      const low = filteredKernels(cases(['f16']), isa);
      assert.ok(low.four >= 3 * SHAPES.length && low.two > 0, `${isa}: ${JSON.stringify(low)}`);
      const full = filteredKernels(cases(['f32']), isa);
      assert.ok(full.two >= 3 * SHAPES.length && full.four === 0, `${isa}: ${JSON.stringify(full)}`);
    }
    assert.ok(filteredKernels(cases(['bf16']), 'avx512bf16').four > SHAPES.length);
  });

  it('agrees with the reference', () => checkClose(cases(FLOAT_TYPES)));

  for (const isa of ['avx512', 'avx2', 'plain'] as const) {
    it(`agrees with the reference with ${isa} instructions`, async function () {
      const compiler = await compilerNamed();
      if (compiler === undefined || !(await runnableSets(compiler)).includes(isa)) skip(this, `this processor does not run ${isa}`);
      await checkClose(cases(['f16', 'f32'], SHAPES.slice(0, 3)), isa);
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
    const all = cases(['f16', 'f32'], SHAPES.slice(0, 2));
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
