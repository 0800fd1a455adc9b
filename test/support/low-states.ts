import assert from 'node:assert/strict';
import { compileProgram } from '../../src/compile.js';
import { lowerProgram } from '../../src/lower/lower.js';
import { roundArray } from '../../src/numeric/encoding.js';
import { FORMATS, type LowType } from '../../src/numeric/formats.js';
import type { Plan } from '../../src/plan/plan.js';
import { type BackendName, defaultTarget } from '../../src/plan/target.js';
import type { Executable } from '../../src/runtime/backend.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { train } from './steps.js';

/** Odd numbers of elements, so that states in two bytes do not end where those in four do. */
const textOf = (precision: string, rule: string): string => `
  model Net(image: [32, 32, 3]) -> [10] {
    image |> conv2d(3, kernel: 4, stride: 4, bias: false) as stem |> batch_norm as bn |> relu |> global_avg_pool |> linear(10) as head
  }
  precision { compute ${precision}  masters ${precision}  optimizer_state ${precision} }
  train { ${rule} batch 5  drop_last true }
`;

/** Optimizers with a slot, with several, and with products of its own; averages of weights without masters. */
const RULES = [
  'optimizer sgd(lr: 0.1, momentum: 0.9)  average lookahead(every: 1, decay: 0.9)',
  'optimizer adam(lr: 0.01)  average ema(decay: 0.9)',
  'optimizer sgd(lr: 0.1)  group weights { optimizer muon(lr: 0.02, momentum: 0.9) }',
] as const;

const isWeight = (name: string) => /^(stem|head)\.weight$/.test(name);
const isSlot = (name: string) => /\.(momentum|m|v)$/.test(name);

function planFor(backend: BackendName, text: string): Plan {
  return compileProgram(lowerProgram({ path: 'net.amp', text }), defaultTarget(backend));
}

/** Units in the last place of `format` by which numbers of that magnitude differ. */
function apart(format: LowType, a: number, b: number): number {
  const { fractionBits } = FORMATS[format];
  return Math.abs(a - b) / 2 ** (Math.floor(Math.log2(Math.max(Math.abs(a), Math.abs(b), 2 ** -14))) - fractionBits);
}

/**
 * That a plan which stores weights and the optimizer's state in a low format trains as on the reference: what it stores are numbers of that
 * format, within a unit or two of the reference's, and the rest is in f32.
 */
export async function assertLowStates(
  backend: BackendName,
  format: LowType,
  precision: string,
  load: (plan: Plan) => Promise<Executable>,
): Promise<void> {
  for (const rule of RULES) {
    const text = textOf(precision, rule);
    const got = await train(await load(planFor(backend, text)), planFor(backend, text), 2);
    const want = await train(await createReference().load(planFor('reference', text)), planFor('reference', text), 2);
    for (const [name, elements] of got.states) {
      const expected = want.states.get(name)!;
      if (!isWeight(name) && !isSlot(name)) continue;
      const rounded = Float32Array.from(elements);
      roundArray(format, rounded);
      assert.deepEqual(elements, rounded, `${rule}: ${name} is stored in ${format}`);
      for (const [i, value] of elements.entries())
        assert.ok(apart(format, value, expected[i]!) <= 4, `${rule}: ${name}[${i}] is ${value}, the reference has ${expected[i]}`);
    }
    const moved = [...got.states].filter(([name]) => isWeight(name)).every(([, elements]) => elements.some((value) => value !== 0));
    assert.ok(moved, rule);
  }
}
