import type { Plan } from '../plan/plan.js';
import type { Executable } from '../runtime/backend.js';
import type { WarningEvent } from './events.js';
import { explainOverflow, type Overflow, overflowText } from './overflow.js';
import { findFunction, type StateValues } from './states.js';
import type { Stepper } from './stepper.js';

/** Where a loss that is not finite comes from: a value of a step, or a parameter that was not finite when that step began. */
export type LossOrigin =
  | { readonly kind: 'value'; readonly step: number; readonly overflow: Overflow }
  | { readonly kind: 'parameter'; readonly step: number; readonly name: string };

export interface Replay {
  readonly plan: Plan;
  readonly executable: Executable;
  readonly stepper: Stepper;
  readonly load: ((plan: Plan) => Promise<Executable>) | undefined;
}

/** A parameter with an element that is infinite or NaN. */
export function brokenParameter(plan: Plan, states: StateValues): string | undefined {
  const nodes = findFunction(plan, 'train_step')?.graph.nodes ?? [];
  const parameters = nodes.filter(({ op, attrs }) => op === 'state' && attrs.role === 'parameter').map(({ attrs }) => String(attrs.name));
  return parameters.find((name) => states.get(name)?.some((element) => !Number.isFinite(element)));
}

/**
 * Runs the steps from `kept` (0-based, with the states that it began with) to `last` again, and finds the first value that was not finite in the
 * first step that has one. Undefined when none has. The states are afterwards as before.
 */
export async function findOrigin(
  { plan, executable, stepper, load }: Replay,
  kept: { readonly step: number; readonly states: StateValues },
  last: number,
): Promise<LossOrigin | undefined> {
  const present = await executable.readStates();
  try {
    await executable.writeStates(kept.states);
    let step = kept.step;
    while (step <= last && (await stepper.trace(step)).found === undefined) step += 1;
    if (step > last) return undefined;
    await executable.writeStates(kept.states);
    await stepper.repeat(kept.step, step);
    const states = await executable.readStates();
    const name = brokenParameter(plan, states);
    if (name !== undefined) return { kind: 'parameter', step, name };
    const overflow = await explainOverflow({ plan, states, load }, await stepper.trace(step));
    return overflow && { kind: 'value', step, overflow };
  } finally {
    await executable.writeStates(present);
  }
}

function originText(origin: LossOrigin): string {
  if (origin.kind === 'value') return `in step ${origin.step + 1}, ${overflowText(origin.overflow)}: ${origin.overflow.line.trim()}`;
  const { step, name } = origin;
  return step === 0 ? `${name} was infinite or NaN when the run began` : `the update of step ${step} made ${name} infinite or NaN`;
}

/** The warning about the first loss (of 0-based step `step`) that is not finite; `keep` are the layers that a pin would help. */
export function lostLoss(step: number, loss: number, origin: LossOrigin | undefined, keep: readonly string[]): WarningEvent {
  const pins = keep.map((layer) => `\`keep ${layer} in fp32\``).join(' and ');
  const unguarded = 'without loss scaling every update is applied, so the parameters are probably not finite any more';
  const fix = 'lower the learning rate, or clip the gradients';
  return {
    event: 'warning',
    step: step + 1,
    code: 'AMP7302',
    message: `the loss of step ${step + 1} is ${loss}`,
    why: origin === undefined ? unguarded : `${originText(origin)}; ${unguarded}`,
    fix: pins === '' ? fix : `write ${pins} in the precision section, ${fix}`,
    ...(origin?.kind === 'value' && { cause: { step: origin.step + 1, keep, ...origin.overflow } }),
  };
}
