import assert from 'node:assert/strict';
import { emitC } from '../../src/codegen/c/emit.js';
import type { Target } from '../../src/codegen/c/target.js';
import type { ComputeType, ValueId } from '../../src/ir/types.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Executable } from '../../src/runtime/backend.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { largest } from '../ops/compare.js';
import { namedRandom } from '../ops/random.js';
import { batchPlan, runCase } from './batch.js';
import { CaseBuilder, type ContractionCase } from './contraction-cases.js';

export interface Shape {
  readonly x: readonly [images: number, height: number, width: number, channels: number];
  readonly out: number;
  readonly padding: readonly [number, number, number, number];
}

export const SAME = [1, 1, 1, 1] as const;

/** 3x3 convolutions of stride one: results that tiles fill, whose last tile overlaps or goes beyond, few and many channels, any padding. */
export const SHAPES: readonly Shape[] = [
  { x: [7, 16, 16, 32], out: 64, padding: SAME },
  { x: [40, 4, 4, 64], out: 80, padding: SAME },
  { x: [6, 13, 10, 48], out: 32, padding: SAME },
  { x: [5, 12, 12, 64], out: 112, padding: [0, 0, 0, 0] },
  { x: [9, 7, 9, 64], out: 48, padding: [2, 1, 0, 2] },
  { x: [17, 8, 8, 96], out: 64, padding: [2, 2, 2, 2] },
  { x: [6, 8, 8, 112], out: 64, padding: SAME },
  { x: [8, 6, 6, 64], out: 64, padding: [3, 1, 1, 3] },
  { x: [16, 4, 4, 192], out: 192, padding: SAME },
  { x: [8, 11, 15, 32], out: 32, padding: SAME },
  { x: [4, 15, 15, 32], out: 48, padding: SAME },
  { x: [16, 7, 7, 64], out: 96, padding: SAME },
];

const POOL = { window: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] };
export const STRIDE = { stride: [1, 1] };

/** A convolution with a bias and an activation, and its two gradients. */
function plainCase({ x: size, out, padding }: Shape, dtype: ComputeType): ContractionCase {
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
function pooledCase({ x: size, out, padding }: Shape, dtype: ComputeType): ContractionCase {
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

/** Each shape in one format, which take turns, and with a pool behind it in the next. */
export function someFilteredCases(formats: readonly ComputeType[], shapes = SHAPES): ContractionCase[] {
  const of = (i: number) => [formats[i % formats.length]!] as const;
  return shapes.flatMap((shape, i) => [...filteredCases(of(i), [shape]).slice(0, 1), ...filteredCases(of(i + 1), [shape]).slice(1)]);
}

/** Each shape in each format, and with a pool behind it where its result has even sides. */
export function filteredCases(formats: readonly ComputeType[], shapes = SHAPES): ContractionCase[] {
  return shapes.flatMap((shape) => {
    const [height, width] = [1, 2].map((axis) => shape.x[axis]! + shape.padding[2 * axis - 2]! + shape.padding[2 * axis - 1]! - 2);
    const even = height! % 2 === 0 && width! % 2 === 0;
    return formats.flatMap((dtype) => [plainCase(shape, dtype), ...(even ? [pooledCase(shape, dtype)] : [])]);
  });
}

/** Largest rounding error of a format, relative. */
const ROUNDING: Readonly<Record<string, number>> = { f32: 2 ** -24, f16: 2 ** -11, bf16: 2 ** -8 };

/** Error of the largest tile's sums that a format of operands allows, as a share of the largest sum. */
const FILTERING: Readonly<Record<ComputeType, number>> = { f32: 4e-6, f16: 2e-5, bf16: 1e-4 };

/** Runs the cases in one plan: every output is the reference's, but for rounding. */
export async function checkClose(all: readonly ContractionCase[], open: (plan: Plan) => Promise<Executable>): Promise<void> {
  const executable = await open(batchPlan(all, 'cpu'));
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
          const allowed = rounding * Math.abs(want[i]!) + FILTERING[item.dtype] * most;
          assert.ok(Math.abs(value - want[i]!) <= allowed, `${item.title}: ${name}[${i}] is ${value}, the reference has ${want[i]}`);
        });
      }
    }
  } finally {
    await executable.dispose();
  }
}

/** How many of a plan's contractions are computed by filtering, by the tile's size. */
export function filteredKernels(
  all: readonly ContractionCase[],
  target: Target,
): Readonly<Record<'two' | 'four' | 'five' | 'seven', number>> {
  const { text } = emitC(batchPlan(all, 'cpu'), target);
  const count = (size: number) => [...text.matchAll(new RegExp(`tiles of ${size}x${size} (results|gradients) at once`, 'g'))].length;
  return { two: count(2), four: count(4), five: count(5), seven: count(7) };
}
