import assert from 'node:assert/strict';
import fc from 'fast-check';
import { GraphBuilder } from '../../src/ir/builder.js';
import { parseGraph } from '../../src/ir/parse.js';
import { printGraph } from '../../src/ir/print.js';
import { parsePlan } from '../../src/plan/parse.js';
import { printPlan } from '../../src/plan/print.js';
import { defaultTarget } from '../../src/plan/target.js';
import { opCase, SAMPLED_OPS } from '../ops/cases.js';
import { configuration, configurations } from '../support/configurations.js';
import { miniResnet, randomModel, simpleCnn } from '../support/models.js';
import { planOf } from '../support/network.js';

const MODELS = { 'a plain convolutional network': simpleCnn, 'a residual network': miniResnet };

describe('text form', () => {
  it('reads back any op as it was', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SAMPLED_OPS), fc.constantFrom('f32', 'f16', 'bf16'), fc.nat(), (op, dtype, seed) => {
        const { graph } = opCase(op, dtype, seed);
        assert.deepEqual(parseGraph(printGraph(graph)), graph);
      }),
    );
  });

  for (const [name, model] of Object.entries(MODELS)) {
    it(`reads back every plan of ${name}`, () => {
      // Every one for the small network; one in seven, which still covers every setting, for the other.
      for (const [title, options] of [...configurations()].filter((_, index) => index % (model === simpleCnn ? 1 : 7) === 0)) {
        const plan = planOf(model, options);
        assert.deepEqual(parsePlan(printPlan(plan)), plan, title);
      }
    });

    it(`reads back the graph behind every pass over ${name}`, () => {
      const options = { train: { accumulate: 2, clip: 1 } };
      planOf(model, options, { onPass: (pass, graph) => assert.deepEqual(parseGraph(printGraph(graph)), graph, pass) });
    });
  }

  it('reads back the plans of random networks', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, settings) => {
        const target = defaultTarget(['cpu', 'tensorflow', 'reference'][seed % 3]!);
        const plan = planOf(randomModel(seed), configuration(settings), { target });
        assert.deepEqual(parsePlan(printPlan(plan)), plan);
      }),
    );
  });

  it('reads back plans with a smaller last step', () => {
    for (const accumulate of [1, 3]) {
      const plan = planOf(miniResnet, { batch: 4, images: 43, train: { accumulate } });
      assert.equal(plan.functions.length, accumulate === 1 ? 3 : 5);
      assert.deepEqual(parsePlan(printPlan(plan)), plan);
    }
  });

  it('keeps unusual numbers and texts', () => {
    const attrs = {
      a: -0,
      b: Infinity,
      c: -Infinity,
      d: Number.NaN,
      e: 1e-8,
      f: 1e21,
      g: [],
      h: ['a "b"', 'c\\d\n'],
      i: true,
      j: [-1.5, 0],
    };
    const builder = new GraphBuilder();
    const type = { dtype: 'f32', shape: [] } as const;
    builder.add({ op: 'cast', attrs, type, layer: 'é.0', why: { rule: 'fixed', text: 'says "why"' }, loc: { line: 1, column: 2 } });
    const graph = builder.finish('odd', {});
    assert.deepEqual(parseGraph(printGraph(graph)), graph);
  });

  it('numbers equal programs equally, and gives names to inputs and states', () => {
    for (const model of Object.values(MODELS)) assert.equal(printPlan(planOf(model)), printPlan(planOf(model)));
    const text = printPlan(planOf(simpleCnn));
    const numbers = [...text.slice(0, text.indexOf('fn eval_step')).matchAll(/^ +%(\d+) = /gm)].map(([, number]) => Number(number));
    assert.deepEqual(numbers, [...numbers.keys()], 'every line has the next number');
    assert.match(text, /^fn train_step\(%image: u8\[2,8,8,3\], %label: i32\[2\], %lr: f32\[\]\) -> \(loss: %\d+, /m);
    assert.match(
      text,
      /^ {2}%conv1\.weight = state \{role="parameter", init="uniform", value=[\d.]+\} : f32\[3,3,3,32\] {2}layer="conv1" loc\(\d+:3\)$/m,
    );
  });
});
