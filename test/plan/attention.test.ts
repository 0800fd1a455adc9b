import assert from 'node:assert/strict';
import { compileProgram } from '../../src/compile.js';
import { whyText } from '../../src/ir/why.js';
import { lowerProgram } from '../../src/lower/lower.js';
import { parsePlan } from '../../src/plan/parse.js';
import type { Plan } from '../../src/plan/plan.js';
import { printPlan } from '../../src/plan/print.js';
import { defaultTarget } from '../../src/plan/target.js';

const HEADS = '|> reshape([64, heads, size]) |> transpose([1, 0, 2])';

interface Spelling {
  /** What becomes of q, k and v behind their layers. */
  readonly q?: string;
  readonly k?: string;
  readonly scores?: string;
}

function byHand({ q = HEADS, k = HEADS, scores = 'q |> matmul(k, transpose: true)' }: Spelling): string {
  return `
block Attention(x, heads, size) {
  let q = x |> linear(heads * size) as q ${q}
  let k = x |> linear(heads * size) as k ${k}
  let v = x |> linear(heads * size) as v ${HEADS}
  let scores = ${scores}
  scores |> softmax |> matmul(v)
  |> transpose([1, 0, 2]) |> reshape([64, heads * size]) |> linear(heads * size) as out
}`;
}

const BY_HAND = byHand({ q: `|> scale(1 / sqrt(size)) ${HEADS}` });

/** Ways to write softmax(q k^T / sqrt(size)) that people have. */
const SPELLINGS: Readonly<Record<string, Spelling>> = {
  'q scaled': { q: `|> scale(1 / sqrt(size)) ${HEADS}` },
  'q scaled in its heads': { q: `${HEADS} |> scale(1 / sqrt(size))` },
  'q scaled between reshape and transpose': { q: '|> reshape([64, heads, size]) |> mul(1 / sqrt(size)) |> transpose([1, 0, 2])' },
  'k scaled': { k: `${HEADS} |> scale(1 / sqrt(size))` },
  'both scaled, by the fourth root': { q: `|> scale(0.5) ${HEADS}`, k: `|> scale(1 / sqrt(size) * 2) ${HEADS}` },
  'scores scaled': { scores: 'q |> matmul(k, transpose: true) |> scale(1 / sqrt(size))' },
  'scores divided by the root': { scores: '(q |> matmul(k, transpose: true)) / sqrt(size)' },
  'a factor before the scores': { scores: '1 / sqrt(size) * (q |> matmul(k, transpose: true))' },
  'k turned': { scores: '(q |> matmul(k |> transpose([0, 2, 1]))) / sqrt(size)' },
  'k turned as it is moved into its heads': {
    k: '|> reshape([64, heads, size]) |> transpose([1, 2, 0])',
    scores: '(q |> matmul(k)) / sqrt(size)',
  },
  'k turned, then scaled': { k: `${HEADS} |> transpose([0, 2, 1]) |> scale(1 / sqrt(size))`, scores: 'q |> matmul(k)' },
};

/** q, k and v of one layer, in parts. */
const PACKED: Readonly<Record<string, string>> = {
  'split, then moved into heads': `
  let [a, b, c] = x |> linear(3 * heads * size) as qkv |> split(3)
  let q = a ${HEADS}
  let k = b ${HEADS}
  let v = c ${HEADS}`,
  'moved into heads, then sliced': `
  let all = x |> linear(3 * heads * size) as qkv |> reshape([64, 3 * heads, size]) |> transpose([1, 0, 2])
  let [q, k, v] = all |> split(3, axis: 0)`,
  'moved into heads with an axis for the three, then split': `
  let [a, b, c] = x |> linear(3 * heads * size) as qkv |> reshape([64, 3, heads, size]) |> transpose([1, 2, 0, 3]) |> split(3, axis: 0)
  let q = a |> reshape([heads, 64, size])
  let k = b |> reshape([heads, 64, size])
  let v = c |> reshape([heads, 64, size])`,
  'moved into heads that have all three, then split': `
  let [q, k, v] = x |> linear(3 * heads * size) as qkv |> reshape([64, heads, 3 * size]) |> transpose([1, 0, 2]) |> split(3)`,
};

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

  describe('is the same plan when it is written by hand', () => {
    // Layers have numbers in the order in which they are written, and `mul` by a number is a scale.
    const text = (plan: Plan) =>
      printPlan(plan)
        .replace(/ loc\(\d+:\d+\)/g, '')
        .replace(/init="\w+", value=[\d.e-]+/g, '')
        .replace(/attn\.mul_\d/g, 'attn_scale')
        .replace(/attn[._](scale|transpose|reshape|matmul|softmax)_\d/g, 'attn_$1');
    for (const [name, spelling] of Object.entries(SPELLINGS))
      it(name, () => {
        const blocks = byHand(spelling);
        for (const batch of [8, 32])
          assert.equal(text(planned('Attention(heads: 3, size: 8)', { blocks, batch })), text(planned('attention(heads: 3)', { batch })));
      });
  });

  for (const [name, parts] of Object.entries(PACKED))
    it(`is a kernel where q, k and v are one layer, ${name}`, () => {
      const blocks = `block Attention(x, heads, size) {${parts}
  ((q |> matmul(k |> transpose([0, 2, 1]))) / sqrt(size)) |> softmax |> matmul(v)
  |> transpose([1, 0, 2]) |> reshape([64, heads * size])
}`;
      assert.deepEqual(found(planned('Attention(heads: 3, size: 8)', { blocks })).train_step, [2, 0]);
    });

  it('is a kernel for each head where the heads are parts that a split gave', () => {
    const part = (name: string) => `let ${name} = x |> linear(heads * size) as ${name} |> split(3)`;
    const blocks = `block Attention(x, heads, size) {
  ${part('q')}
  ${part('k')}
  ${part('v')}
  let sums = collect h in 0..3 { ((q[h] |> matmul(k[h], transpose: true)) / sqrt(size)) |> softmax |> matmul(v[h]) }
  concat(sums) |> linear(heads * size) as out
}`;
    const plan = planned('Attention(heads: 3, size: 8)', { blocks, batch: 96 });
    assert.deepEqual(found(plan).train_step, [6, 0]);
    const scales = plan.functions[0]!.graph.nodes.filter(
      ({ op, gradOf, type }) => op === 'scale' && gradOf === undefined && type.shape.length > 0,
    );
    assert.deepEqual(
      scales.map(({ type }) => type.shape),
      [0, 1, 2].map(() => [96, 64, 8]),
    );
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
    const reading = BY_HAND.replace('scores |> softmax |> matmul(v)', `let w = scores |> softmax\n  ${sums}\n  w |> matmul(v)`).replace(
      'as out',
      'as out |> add(z)',
    );
    assert.equal(found(planned('Attention(heads: 3, size: 8)', { blocks: reading })).train_step![0], 0);
  });
});
