import { type UserError, userError } from '../../diagnostics/diagnostic.js';
import { shellWord } from '../../diagnostics/shell-word.js';
import type { Plan } from '../../plan/plan.js';
import type { Executable } from '../../runtime/backend.js';
import type { WarningEvent } from '../events.js';
import type { Ranks } from '../ranks.js';
import { lowerRate } from '../schedule.js';
import { brokenState, type StateValues } from '../states.js';
import type { StepResult } from '../step-result.js';
import type { Stepper } from '../stepper.js';
import type { LossHistory } from '../tally.js';
import { blameRate } from './likely-cause.js';
import { type Blame, explainOverflow, type Overflow, overflowText } from './overflow.js';

/** Where a loss that is not finite comes from: a value of a step (0-based), or a state that was not finite when that step began. */
export type LossOrigin =
  | { readonly kind: 'value'; readonly step: number; readonly overflow: Overflow; readonly blame: Blame | undefined }
  | { readonly kind: 'state'; readonly step: number; readonly name: string };

export interface Replay {
  readonly plan: Plan;
  readonly executable: Executable;
  readonly stepper: Stepper;
  readonly load: ((plan: Plan) => Promise<Executable>) | undefined;
  readonly losses: LossHistory;
  readonly ranks: Ranks | undefined;
}

/** Whether a step took place although its loss, or the norm that its gradients are clipped by, is not finite. */
export function isLost({ skipped, loss, norm }: StepResult): boolean {
  return !skipped && !(Number.isFinite(loss) && (norm === undefined || Number.isFinite(norm)));
}

/**
 * Runs the steps from `kept` (0-based, with the states that it began with) to `last` again, and finds the first value that was not finite
 * in the first step from `from` on that has one. Undefined when none has. The states are afterwards as before.
 */
export async function findOrigin(
  { plan, executable, stepper, load, losses, ranks }: Replay,
  kept: { readonly step: number; readonly states: StateValues },
  from: number,
  last: number,
): Promise<LossOrigin | undefined> {
  const present = await executable.readStates();
  try {
    await executable.writeStates(kept.states);
    let step = Math.max(from, kept.step);
    await stepper.repeat(kept.step, step);
    while (step <= last && (await stepper.trace(step)).found === undefined) step += 1;
    if (step > last) return undefined;
    await executable.writeStates(kept.states);
    await stepper.repeat(kept.step, step);
    const states = await executable.readStates();
    const name = brokenState(plan, states);
    if (name !== undefined) return { kind: 'state', step, name };
    const overflow = await explainOverflow({ plan, states, load, ranks }, await stepper.trace(step));
    return overflow && { kind: 'value', step, overflow, blame: blameRate({ plan, step, overflow, states, losses }) };
  } finally {
    await executable.writeStates(present);
  }
}

function originText(origin: LossOrigin): string {
  if (origin.kind === 'value') {
    const { step, overflow, blame } = origin;
    return `in step ${step + 1}, ${overflowText(overflow)}${blame === undefined ? '' : `; ${blame.evidence}`}: ${overflow.line.trim()}`;
  }
  const { step, name } = origin;
  return step === 0 ? `${name} was infinite or NaN when the run began` : `the update of step ${step} made ${name} infinite or NaN`;
}

/** A step that took place and should not have: by its loss, by its norm of gradients, or by a state that it left behind. */
export type Loss = Pick<StepResult, 'step' | 'loss' | 'norm'> & { readonly state?: string };

function lossText({ step, loss, norm, state }: Loss): string {
  if (state !== undefined) return `after step ${step + 1}, ${state} is infinite or NaN`;
  if (!Number.isFinite(loss)) return `the loss of step ${step + 1} is ${loss}`;
  return `the norm of the gradients of step ${step + 1} is ${norm}, and clipping by it undoes the update`;
}

export interface LostLossContext {
  readonly origin: LossOrigin | undefined;
  /** Layers that a pin would help. */
  readonly keep: readonly string[];
  /** Of the step. */
  readonly rate: number;
  /** Whether a loss scale guards the update against gradients that are not finite. */
  readonly isGuarded: boolean;
  /** Whether the run ends with it. */
  readonly ends: boolean;
}

/** What to do, the likelier cause first. */
function fixText(step: number, { origin, keep, rate }: LostLossContext): string {
  const lower = `${lowerRate(rate)}, or clip the gradients`;
  const pins = keep.map((layer) => `\`keep ${layer} in fp32\``).join(' and ');
  const isRate = origin?.kind === 'state' ? origin.step > 0 : origin?.blame !== undefined;
  if (pins !== '')
    return isRate ? `${lower}, or write ${pins} in the precision section` : `write ${pins} in the precision section, ${lower}`;
  return isRate || step > 0
    ? lower
    : 'the model makes such values before it has learned anything: look at its factors, at `normalize`, and at the weights that it ' +
        'started from';
}

/** The warning about the first step whose loss is lost. */
export function lostLoss(lost: Loss, context: LostLossContext): WarningEvent {
  const { origin, keep, isGuarded, ends } = context;
  const unguarded = isGuarded
    ? 'the gradients were finite, so the loss scaling did not skip the step'
    : 'without loss scaling every update is applied, so the parameters are probably not finite any more';
  return {
    event: 'warning',
    step: lost.step + 1,
    code: 'AMP7302',
    message: lossText(lost),
    why: origin === undefined ? unguarded : `${originText(origin)}; ${unguarded}`,
    fix: fixText(lost.step, context),
    ...(ends && { ends_run: true }),
    ...(origin?.kind === 'value' && { cause: { step: origin.step + 1, keep, ...origin.overflow } }),
  };
}

/** Said when a run that `end` ended goes on behind 0-based step `step` - 1, its checkpoint's last. */
export function resumedEnd({ message, why, fix }: WarningEvent, step: number): WarningEvent {
  return {
    event: 'warning',
    step: step + 1,
    code: 'AMP7303',
    message: `the run had ended: ${message}`,
    why,
    fix: `it goes on from its checkpoint of step ${step}, and with the same settings it ends the same way: ${fix}`,
  };
}

/** Ends the run; `checkpoint` is the step of the checkpoint that it has. */
export function lostRun({ code, message, why, fix }: WarningEvent, run: string, checkpoint: number): UserError {
  const rest =
    `\`--resume ${shellWord(run)}\` goes on from its checkpoint of step ${checkpoint}; with \`on_lost_loss continue\` a ` +
    'run goes on when a loss is lost';
  return userError(code, message, why, `${fix}; ${rest}`);
}
