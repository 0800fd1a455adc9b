import { compileProgram } from '../compile.js';
import { type Program, withoutTail } from '../ir/program.js';
import { type Plan, STAGED_OPS, type StagedOps } from '../plan/plan.js';
import { rulePolicy } from '../precision/policy.js';

/** What the plan's contractions make of their operands themselves. */
function stagedOf({ functions }: Plan): StagedOps {
  const first = functions.flatMap(({ graph, groups }) =>
    groups.filter(({ kind }) => kind === 'contraction').map(({ nodes }) => graph.nodes[nodes[0]!]!.op),
  );
  return STAGED_OPS.filter((op) => first.includes(op));
}

/** The plan of the same program with every value in f32: no low format, no pin, no loss scale; and without a last, smaller step. */
export function planInFp32(program: Program, plan: Plan): Plan {
  const { recipe, ...graphs } = withoutTail(program);
  const { chosen: _, ...spec } = recipe.precision;
  const precision = { ...spec, policy: rulePolicy(recipe.precision), compute: 'f32', pins: [], lossScaling: { kind: 'none' } } as const;
  return compileProgram({ ...graphs, recipe: { ...recipe, precision } }, { backend: plan.backend, low: [], staged: stagedOf(plan) });
}
