import assert from 'node:assert/strict';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { batchPlan, runCase } from '../codegen/batch.js';
import { CaseBuilder, type ContractionCase } from '../codegen/contraction-cases.js';
import { assertClose, largest } from '../ops/compare.js';
import { namedRandom } from '../ops/random.js';
import { emulate, needCompiler } from './emulated.js';

type Shape = readonly [images: number, height: number, width: number, channels: number];

/** A convolution with the statistics of its result, which is far from zero. */
function statistics([n, h, w, c]: Shape, out: number): ContractionCase {
  const b = new CaseBuilder(namedRandom('statistics', n * h + out), 'f16', false);
  const shift = b.full('shift', [out]);
  const y = b.emit('conv2d', [b.low('x', [n, h, w, c]), b.low('w', [3, 3, c, out]), shift], { stride: [1, 1], padding: [1, 1, 1, 1] });
  const mean = b.emit('channel_mean', [y], {}, 'f32');
  return b.finish(`statistics of ${n} x ${h} x ${w} x ${out}`, { y, mean, variance: b.emit('channel_variance', [y, mean], {}, 'f32') });
}

/** The gradient of a convolution's image, through a relu, with the sums of a norm in front of it. */
function gradients([n, h, w, c]: Shape, out: number): ContractionCase {
  const b = new CaseBuilder(namedRandom('gradients', n * h + out), 'bf16', false);
  const [x, before] = [b.low('x', [n, h, w, c]), b.low('before', [n, h, w, c])];
  const [dy, weight] = [b.low('dy', [n, h, w, out]), b.low('w', [3, 3, c, out])];
  const [mean, variance] = [b.full('mean', [c]), b.emit('cast', [b.given('spread', [c], () => 0.5)], { to: 'f32' }, 'f32')];
  const dx = b.emit('conv2d_input_grad', [dy, weight], { stride: [1, 1], padding: [1, 1, 1, 1], size: [h, w] });
  const dr = b.emit('relu_grad', [before, dx]);
  const weightGrad = b.emit('batch_norm_weight_grad', [x, dr, mean, variance], { eps: 1e-5 }, 'f32');
  return b.finish(`gradients of ${n} x ${h} x ${w} x ${c}`, { dr, weightGrad, biasGrad: b.emit('sum_to_channel', [dr], {}, 'f32') });
}

/** Per channel, in doubles. */
function ownSums(values: Float32Array, channels: number) {
  const rows = values.length / channels;
  const each = (of: (c: number) => number) => Float32Array.from({ length: channels }, (_, c) => of(c));
  const total = (c: number, term: (x: number) => number) => {
    let sum = 0;
    for (let row = 0; row < rows; row += 1) sum += term(values[row * channels + c]!);
    return sum;
  };
  const mean = (c: number) => total(c, (x) => x) / rows;
  return {
    sum: each((c) => total(c, (x) => x)),
    mean: each(mean),
    variance: each((c) => {
      const middle = mean(c);
      return total(c, (x) => (x - middle) ** 2) / rows;
    }),
  };
}

describe('sums over rows that a contraction takes of what it makes', function () {
  this.timeout(300_000);

  before(async function () {
    await needCompiler(this);
  });

  it('are those of the reference, of few rows of blocks and of many, with edges everywhere', async () => {
    const cases = [
      statistics([1, 5, 7, 16], 24),
      statistics([3, 31, 30, 3], 40),
      gradients([2, 9, 7, 40], 8),
      gradients([2, 33, 34, 8], 16),
    ];
    const plan = batchPlan(cases, 'cuda');
    for (const { groups, graph } of plan.functions) {
      const sums = groups.filter(({ nodes }) => nodes.some((id) => /mean|variance|weight_grad|sum_to/.test(graph.nodes[id]!.op)));
      assert.deepEqual([...new Set(sums.map(({ kind }) => kind))], ['contraction']);
    }
    const executable = await emulate(plan);
    try {
      for (const [i, item] of cases.entries()) {
        const { values } = evaluateGraph(item.graph, item.inputs, item.states);
        const names = Object.keys(item.graph.outputs);
        await runCase(executable, item, i, names[0]!);
        const got = new Map<string, Float32Array>();
        for (const name of names) got.set(name, await executable.readOutput(name));
        for (const [name, id] of Object.entries(item.graph.outputs)) {
          const want = values.get(id)!;
          assertClose(got.get(name)!, want, () => 0.02 * largest(want), `${name}, ${item.title}`);
        }
        // Of the numbers as they stand, the sums are exact but for their last bits.
        const own = ownSums(got.get(names[0]!)!, item.graph.nodes[item.graph.outputs[names[0]!]!]!.type.shape.at(-1)!);
        for (const [name, sums] of [
          ['mean', own.mean],
          ['variance', own.variance],
          ['biasGrad', own.sum],
        ] as const) {
          const one = got.get(name);
          if (one !== undefined) assertClose(one, sums, () => 3e-7 * largest(sums), `${name} of its numbers, ${item.title}`);
        }
        // A second call finds everything as the first one did.
        await runCase(executable, item, i, names[0]!);
        for (const name of names) assert.deepEqual(await executable.readOutput(name), got.get(name));
      }
    } finally {
      await executable.dispose();
    }
  });

  const FAULTS: Readonly<Record<string, readonly [RegExp, string]>> = {
    'lanes that are left out': [/width < 32u; width \*= 2u/g, 'width < 16u; width *= 2u'],
    'rows beyond the end': [/if \(m0 \+ row \+ r \/ 2u \* 16u \+ r % 2u \* 8u \+ lane \/ 4u < \d+u\)/g, ''],
    'a block that does not know that it is the last': [/\*number \+ 1u < blocks/g, '*number < blocks'],
  };
  for (const [name, [pattern, text]] of Object.entries(FAULTS))
    it(`a planted fault shows: ${name}`, async () => {
      const item = statistics([1, 5, 7, 16], 24);
      const executable = await emulate(batchPlan([item], 'cuda'), (source) => {
        assert.match(source, pattern);
        return source.replaceAll(pattern, text);
      });
      try {
        const own = ownSums(await runCase(executable, item, 0, 'y'), 24);
        const [mean, variance] = [await executable.readOutput('mean'), await executable.readOutput('variance')];
        const differs = (got: Float32Array, want: Float32Array) => got.some((x, c) => !(Math.abs(x - want[c]!) <= 1e-4 * largest(want)));
        assert.ok(differs(mean, own.mean) || differs(variance, own.variance));
      } finally {
        await executable.dispose();
      }
    });
});
