/**
 * Rounding errors of the convolutions that the cpu backend computes by Winograd's filtering, beside those of sums taken one product after
 * another, both in f32 and against the exact sums. `npx tsx bench/filtering-error.ts` prints the table of docs/precision.md.
 */

import { pathToFileURL } from 'node:url';
import { GraphBuilder } from '../src/ir/builder.js';
import { elementCount, type FloatType, type ValueId } from '../src/ir/types.js';
import { roundArray } from '../src/numeric/encoding.js';
import { emit } from '../src/ops/emit.js';
import type { FunctionName } from '../src/plan/plan.js';
import { planGraph } from '../src/plan/plan-graph.js';
import { defaultTarget } from '../src/plan/target.js';
import { fnv1a32, uniformAt } from '../src/random/threefry.js';
import { createBackend } from '../src/runtime/cpu/index.js';
import { markdown } from './table.js';

/** A 3x3 convolution of stride one with a border of zeros. */
export interface Case {
  readonly name: string;
  readonly images: number;
  /** Rows and columns. */
  readonly size: number;
  readonly channels: number;
  readonly out: number;
  /** Formats in which all three sums are filtered, whatever the processor. */
  readonly operands: readonly FloatType[];
}

export const CASES: readonly Case[] = [
  { name: 'conv2 of SimpleCNN', images: 8, size: 16, channels: 32, out: 64, operands: ['f32', 'f16'] },
  { name: 'stage 3 of ResNet-18', images: 8, size: 8, channels: 256, out: 256, operands: ['f32', 'f16'] },
  { name: 'of 14x14 results', images: 16, size: 14, channels: 128, out: 128, operands: ['f16', 'bf16'] },
];

/** Root mean square and maximum of the errors, as shares of the exact sums' root mean square. */
export interface Deviation {
  readonly rms: number;
  readonly max: number;
}

export interface Finding {
  readonly operands: FloatType;
  readonly sum: 'y' | 'dx' | 'dweight';
  readonly kernel: Deviation;
  readonly plain: Deviation;
}

/** Normal numbers, by Box and Muller. */
function normal(name: string, count: number, scale: number): Float32Array {
  const stream = fnv1a32(name);
  return Float32Array.from({ length: count }, (_, i) => {
    const [u, v] = [uniformAt(0, stream, i, 0), uniformAt(0, stream, i, 1)];
    return scale * Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v);
  });
}

/** Adds products up, one after another: exactly (nearly: in f64), and rounded to f32 after each, as fused multiply-adds do. */
class Sums {
  readonly exact: Float64Array;
  readonly plain: Float32Array;

  constructor(count: number) {
    this.exact = new Float64Array(count);
    this.plain = new Float32Array(count);
  }

  add(at: number, product: number): void {
    this.exact[at]! += product;
    this.plain[at]! += product;
  }

  deviation(of: Float32Array): Deviation {
    let [squares, errors, max] = [0, 0, 0];
    this.exact.forEach((value, i) => {
      const error = Math.abs(of[i]! - value);
      squares += value ** 2;
      errors += error ** 2;
      max = Math.max(max, error);
    });
    return { rms: Math.sqrt(errors / squares), max: max / Math.sqrt(squares / this.exact.length) };
  }
}

/** Calls `visit` for every product of the convolution: the places of its input, its weight and its output. */
function eachProduct({ images, size, channels, out }: Case, visit: (x: number, w: number, y: number) => void): void {
  for (let image = 0; image < images; image += 1) {
    for (let position = 0; position < size ** 2; position += 1) {
      const [row, column] = [Math.floor(position / size), position % size];
      for (let tap = 0; tap < 9; tap += 1) {
        const [r, c] = [row + Math.floor(tap / 3) - 1, column + (tap % 3) - 1];
        if (r < 0 || c < 0 || r >= size || c >= size) continue;
        const [x, y] = [((image * size + r) * size + c) * channels, ((image * size + row) * size + column) * out];
        for (let k = 0; k < channels; k += 1) for (let n = 0; n < out; n += 1) visit(x + k, (tap * channels + k) * out + n, y + n);
      }
    }
  }
}

/** Runs the convolution and its gradients on the cpu backend, with results in f32. */
export async function measure(c: Case, operands: FloatType): Promise<readonly Finding[]> {
  const builder = new GraphBuilder();
  const shapes = {
    x: [c.images, c.size, c.size, c.channels],
    weight: [3, 3, c.channels, c.out],
    dy: [c.images, c.size, c.size, c.out],
  };
  const positive = (values: Float32Array) => values.map((value) => Math.max(0, value));
  const states = {
    x: positive(normal('x', elementCount(shapes.x), 1)),
    weight: normal('weight', elementCount(shapes.weight), 1 / Math.sqrt(9 * c.channels)),
    dy: normal('dy', elementCount(shapes.dy), 1).map((value, i) => (i % 2 === 0 ? value : 0)),
  };
  const operand = (name: keyof typeof states): ValueId => {
    roundArray(operands, states[name]);
    const attrs = { name, role: 'parameter', init: 'constant', value: 0 };
    const state = builder.add({ op: 'state', attrs, type: { dtype: 'f32', shape: shapes[name] } });
    return operands === 'f32' ? state : emit(builder, 'cast', [state], { to: operands }, { why: 'case' });
  };
  const [x, weight, dy] = [operand('x'), operand('weight'), operand('dy')];
  const attrs = { stride: [1, 1], padding: [1, 1, 1, 1] };
  const full = { dtype: 'f32', why: 'case' } as const;
  const graph = builder.finish('eval_step', {
    y: emit(builder, 'conv2d', [x, weight], attrs, full),
    dx: emit(builder, 'conv2d_input_grad', [dy, weight], { ...attrs, size: [c.size, c.size] }, full),
    dweight: emit(builder, 'conv2d_weight_grad', [x, dy], { ...attrs, kernel: [3, 3] }, full),
  });
  const target = defaultTarget('cpu');
  const plan = { model: 'case', policy: 'case', precision: 'f32', target, functions: [planGraph(graph, 1, target)] } as const;
  const executable = await createBackend().load(plan);
  try {
    await executable.writeStates(new Map(Object.entries(states)));
    await executable.call('eval_step' as FunctionName, {});
    await executable.drain();
    const kernels = await executable.profile!('eval_step' as FunctionName, {});
    if (kernels.filter(({ method }) => method !== undefined).length !== 3) throw new Error(`${c.name} is not filtered`);
    const sums = { y: new Sums(states.dy.length), dx: new Sums(states.x.length), dweight: new Sums(states.weight.length) };
    eachProduct(c, (i, j, k) => {
      sums.y.add(k, states.x[i]! * states.weight[j]!);
      sums.dx.add(i, states.dy[k]! * states.weight[j]!);
      sums.dweight.add(j, states.x[i]! * states.dy[k]!);
    });
    const findings: Finding[] = [];
    for (const sum of ['y', 'dx', 'dweight'] as const) {
      const kernel = sums[sum].deviation(await executable.readOutput(sum));
      findings.push({ operands, sum, kernel, plain: sums[sum].deviation(sums[sum].plain) });
    }
    return findings;
  } finally {
    await executable.dispose();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  const names = { y: 'result', dx: 'gradient of the input', dweight: 'gradient of the weight' };
  const text = ({ rms, max }: Deviation) => `${rms.toExponential(1)} (${max.toExponential(1)})`;
  const rows: string[][] = [];
  for (const c of CASES) {
    for (const operands of c.operands) {
      for (const { sum, kernel, plain } of await measure(c, operands))
        rows.push([c.name, operands, names[sum], text(kernel), text(plain), (kernel.rms / plain.rms).toFixed(1)]);
    }
  }
  console.log(markdown(['convolution', 'operands', 'sum', 'error', 'of the plain sum', 'ratio'], rows, 3));
}
