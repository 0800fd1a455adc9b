import type { Plan } from '../plan/plan.js';
import type { Executable, Inputs } from '../runtime/backend.js';
import { explainOverflow, type Overflow, overflowText } from './overflow.js';

/** A model on a device; `load` loads another plan there, with which values are measured. */
export interface Evaluated {
  readonly plan: Plan;
  readonly executable: Executable;
  readonly load?: ((plan: Plan) => Promise<Executable>) | undefined;
}

/** The first value of an evaluated batch that is not finite; undefined when all are. */
export async function explainEvaluation({ plan, executable, load }: Evaluated, inputs: Inputs): Promise<Overflow | undefined> {
  await executable.call('eval_step', inputs, { trace: true });
  const found = await executable.nonFinite();
  await executable.drain();
  return explainOverflow({ plan, states: await executable.readStates(), load }, { found, inputs });
}

/** Why an evaluation gives no numbers, and what to do. */
export function evaluationHelp(overflow: Overflow | undefined): { readonly why: string; readonly fix: string } {
  const lower = 'train with a lower learning rate: its weights or running statistics are too large';
  if (overflow === undefined) return { why: 'run again, every value of the model is finite', fix: lower };
  const { layer, dtype, line } = overflow;
  const canWiden = layer !== '' && (dtype === 'f16' || dtype === 'bf16');
  return {
    why: `${overflowText(overflow)}: ${line.trim()}`,
    fix: canWiden ? `write \`keep ${layer} in fp32\` in the precision section, or ${lower}` : lower,
  };
}
