import { isLow } from '../../ir/types.js';
import type { Plan } from '../../plan/plan.js';
import type { Executable, Inputs } from '../../runtime/backend.js';
import { blameRate } from './likely-cause.js';
import { explainOverflow, overflowText } from './overflow.js';

/** A model on a device; `load` loads another plan there, with which values are measured. */
export interface Evaluated {
  readonly plan: Plan;
  readonly executable: Executable;
  readonly load?: ((plan: Plan) => Promise<Executable>) | undefined;
}

/** Why an evaluation gives no numbers, and what to do. */
export interface EvaluationHelp {
  readonly why: string;
  readonly fix: string;
}

/** Evaluates a batch once more, to find its first value that is not finite. The states stay as they are. */
export async function explainEvaluation({ plan, executable, load }: Evaluated, inputs: Inputs): Promise<EvaluationHelp> {
  await executable.call('eval_step', inputs, { trace: true });
  const found = await executable.nonFinite();
  await executable.drain();
  const states = await executable.readStates();
  const overflow = await explainOverflow({ plan, states, load }, { found, inputs });
  const lower = 'train with a lower learning rate: its weights or running statistics are too large';
  if (overflow === undefined) return { why: 'evaluated again, every value of the model is finite', fix: lower };
  const { layer, dtype, line } = overflow;
  const blame = blameRate({ plan, step: Number.POSITIVE_INFINITY, overflow, states, losses: {} });
  const pinHelps = layer !== '' && isLow(dtype) && blame?.certain !== true;
  return {
    why: `${overflowText(overflow)}${blame === undefined ? '' : `; ${blame.evidence}`}: ${line.trim()}`,
    fix: pinHelps ? `write \`keep ${layer} in fp32\` in the precision section, or ${lower}` : lower,
  };
}
