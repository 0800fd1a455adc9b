import assert from 'node:assert/strict';
import { compileProgram } from '../../src/compile.js';
import { whyText } from '../../src/ir/why.js';
import { lowerProgram } from '../../src/lower/lower.js';
import { parsePlan } from '../../src/plan/parse.js';
import type { Plan } from '../../src/plan/plan.js';
import { printPlan } from '../../src/plan/print.js';
import { defaultTarget } from '../../src/plan/target.js';

const BY_HAND = `
block Attention(x, heads, size) {
  let q = x |> linear(heads * size) as q |> scale(1 / sqrt(size)) |> reshape([64, heads, size]) |> transpose([1, 0, 2])
  let k = x |> linear(heads * size) as k |> reshape([64, heads, size]) |> transpose([1, 0, 2])
  let v = x |> linear(heads * size) as v |> reshape([64, heads, size]) |> transpose([1, 0, 2])
  q |> matmul(k, transpose: true) |> softmax |> matmul(v)
  |> transpose([1, 0, 2]) |> reshape([64, heads * size]) |> linear(heads * size) as out
}`;

interface Options {
  readonly blocks?: string;
  readonly backend?: string;
  readonly batch?: number;
  readonly keep?: string;
}

function planned(layer: string, { blocks = '', backend = 'cpu', batch = 32, keep = '' }: Options = {}): Plan {
  const text = `${blocks}
model Net(image: [32, 32, 3]) -> [10] {
  image |> conv2d(24, kernel: 4, stride: 4) |> reshape([64, 24]) |> ${layer} as attn |> mean(0) |> linear(10)
}
precision { compute fp16${keep} }
train { batch ${batch} }`;
  return compileProgram(lowerProgram({ path: 'net.amp', text }), defaultTarget(backend));
}

/** By function: how many kernels are an attention, and how many values of the size of the scores are in memory. */
function found({ functions }: Plan): Readonly<Record<string, readonly [kernels: number, stored: number]>> {
  const isScores = (shape: readonly number[]) => shape.length === 4 && shape[2] === 64 && shape[3] === 64;
  return Object.fromEntries(
    functions.map(({ name, groups, graph }) => [
      name,
      [
        groups.filter(({ kind }) => kind === 'attention').length,
        groups.flatMap(({ stores }) => stores).filter((id) => isScores(graph.nodes[id]!.type.shape)).length,
      ],
    ]),
  );
}

describe('attention in a plan', () => {
  it('is a kernel forward and one backward on the cpu, and no scores are in memory', () => {
    const plan = planned('attention(3)');
    const { train_step: train, eval_step: evaluated, tail_step: tail } = found(plan);
    assert.deepEqual(
      [train, evaluated, tail],
      [
        [2, 0],
        [1, 0],
        [0, 6],
      ],
    );
    const reasons = plan.functions[0]!.graph.nodes.map(whyText).filter((why) => why.includes('again'));
    assert.deepEqual(reasons, [
      'low: matmul, computed again: 1.5 MiB of scores are never in memory',
      'full: softmax, computed again: 1.5 MiB of scores are never in memory',
      'full: softmax, computed again: 1.5 MiB of scores are never in memory',
      'low: matmul, computed again: 1.5 MiB of scores are never in memory',
    ]);
    assert.deepEqual(parsePlan(printPlan(plan)), plan);
  });

  it('is the same plan when it is written by hand', () => {
    const text = (plan: Plan) =>
      printPlan(plan)
        .replace(/ loc\(\d+:\d+\)/g, '')
        .replace(/init="\w+", value=[\d.e-]+/g, '');
    assert.equal(text(planned('Attention(heads: 3, size: 8)', { blocks: BY_HAND })), text(planned('attention(heads: 3)')));
  });

  it('is so with dropout in between, and on webgpu with heads that its kernels take', () => {
    for (const plan of [planned('attention(3, dropout: 0.1)'), planned('attention(3)', { backend: 'webgpu', batch: 1366 })])
      assert.deepEqual(found(plan).train_step, [2, 0]);
    const wide = planned('linear(130) |> attention(1)', { backend: 'webgpu', batch: 4096 });
    assert.equal(found(wide).train_step![0], 0);
  });

  it('is one kernel for each op where that costs less, and on other backends', () => {
    for (const plan of [planned('attention(3)', { batch: 8 }), planned('attention(3)', { backend: 'tensorflow' })])
      assert.equal(found(plan).train_step![0], 0);
  });

  it('follows what pins make of its formats', () => {
    const plan = planned('attention(3)', { keep: '\n  keep "attn.matmul_1" in fp32' });
    assert.deepEqual(found(plan).train_step, [2, 0]);
  });

  it('keeps the weights in memory where another layer reads them', () => {
    const sums = 'let z = w |> sum(0) |> linear(heads * size) as seen';
    const reading = BY_HAND.replace('q |> matmul', 'let w = q |> matmul')
      .replace('|> softmax |> matmul(v)', `|> softmax\n  ${sums}\n  w |> matmul(v)`)
      .replace('as out', 'as out |> add(z)');
    assert.equal(found(planned('Attention(heads: 3, size: 8)', { blocks: reading })).train_step![0], 0);
  });
});
