import { compileProgram } from '../compile.js';
import { type Program, withoutTail } from '../ir/program.js';
import type { Plan } from '../plan/plan.js';
import { rulePolicy } from '../precision/policy.js';

/**
 * The plan of the same program with every value in f32: no low format, of states neither, no pin, no loss scale; and without a last,
 * smaller step.
 */
export function planInFp32(program: Program, plan: Plan): Plan {
  const { recipe, ...graphs } = withoutTail(program);
  const { chosen: _, masters: _masters, optimizerState: _optimizerState, ...spec } = recipe.precision;
  const precision = { ...spec, policy: rulePolicy(recipe.precision), compute: 'f32', pins: [], lossScaling: { kind: 'none' } } as const;
  return compileProgram({ ...graphs, recipe: { ...recipe, precision } }, plan.target);
}
