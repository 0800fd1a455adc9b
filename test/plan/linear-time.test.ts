import assert from 'node:assert/strict';
import { emitC } from '../../src/codegen/c/emit.js';
import { targetFor } from '../../src/codegen/c/target.js';
import { compileProgram } from '../../src/compile.js';
import type { Program } from '../../src/ir/program.js';
import { lowerProgram } from '../../src/lower/lower.js';
import { parsePlan } from '../../src/plan/parse.js';
import type { Plan } from '../../src/plan/plan.js';
import { printPlan } from '../../src/plan/print.js';
import { reportPlan } from '../../src/plan/report.js';
import { defaultTarget } from '../../src/plan/target.js';
import { elementsVisited } from '../support/work.js';

const BLOCKS = {
  'blocks with norms and sums': '{ x |> batch_norm |> relu |> conv2d(4, kernel: 3, padding: 1, bias: false) |> add(x) }',
  'blocks with joins': '{ let y = x |> conv2d(4, kernel: 1) |> relu\n y |> concat(x) |> conv2d(4, kernel: 1) }',
  'pools and other layers':
    '{ x |> conv2d(4, kernel: 3, padding: 1) |> max_pool2d(3, stride: 1, padding: 1) |> gelu |> dropout(0.1) |> scale(0.5) }',
} as const;

function source(block: string, count: number) {
  const text = `
    dataset shapes { normalize(mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]) }
    block Part(x) ${block}
    model Net(image: [32, 32, 3]) -> [10] {
      image |> conv2d(4, kernel: 3, padding: 1) |> max_pool2d(8) |> repeat ${count} { Part() } |> global_avg_pool |> linear(10)
    }
    precision { compute fp16 }
    train { loss cross_entropy optimizer adamw(lr: 1e-3, weight_decay: 0.01) clip 1 batch 2 epochs 1 seed 0 }`;
  return { path: 'net.amp', text: text.replaceAll(/ (?=(?:loss|optimizer|clip|batch|epochs|seed) )/g, '\n') };
}

/** What each part of the way from the text to the C goes over. */
function workOf(block: string, count: number): Readonly<Record<string, number>> {
  let program: Program | undefined;
  let plan: Plan | undefined;
  let text = '';
  const work: Record<string, number> = {};
  work.lower = elementsVisited(() => {
    program = lowerProgram(source(block, count));
  });
  work.plan = elementsVisited(() => {
    plan = compileProgram(program!, defaultTarget('cpu'));
  });
  work.report = elementsVisited(() => void reportPlan(plan!));
  work.print = elementsVisited(() => {
    text = printPlan(plan!);
  });
  work.read = elementsVisited(() => void parsePlan(text));
  work.emit = elementsVisited(() => void emitC(plan!, targetFor('avx2', 'x64')));
  return work;
}

describe('the work of compiling', function () {
  this.timeout(60_000);

  for (const [what, block] of Object.entries(BLOCKS)) {
    it(`grows linearly with the number of ${what}`, () => {
      const [few, many] = [workOf(block, 25), workOf(block, 100)];
      for (const [part, elements] of Object.entries(many))
        assert.ok(elements < 4.6 * few[part]!, `${part}: four times the layers took ${(elements / few[part]!).toFixed(2)} times the work`);
    });
  }
});
