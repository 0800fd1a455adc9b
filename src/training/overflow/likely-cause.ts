import { isCast } from '../../ir/structure.js';
import { elementCount } from '../../ir/types.js';
import { formatMagnitude } from '../../numeric/magnitude.js';
import type { Plan } from '../../plan/plan.js';
import type { InitialKind } from '../../random/initial.js';
import { planStates, type StateValues } from '../states.js';
import type { LossHistory } from '../tally.js';
import type { Blame, Overflow } from './overflow.js';

/** A weight that is far larger than it was at the start; `factor` compares root mean squares. */
interface Growth {
  readonly name: string;
  readonly factor: number;
}

/** Training enlarges the weights of a layer a few times over; this is no training any more. */
const RUNAWAY_WEIGHTS = 30;
/** Batches differ, and warming up can raise the loss for a while. */
const RUNAWAY_LOSS = 3;

/** By kind of draw: how often its variance fits into the square of its `value`. A constant has none, and others are no spread. */
const DRAWN_VARIANCE: Readonly<Partial<Record<InitialKind, number>>> = { uniform: 3, normal: 1, truncated_normal: 1 };

/** The weight with the largest growth since its initial draw, if it is beyond what training does; not finite ones are left out. */
function grownWeight(plan: Plan, states: StateValues): Growth | undefined {
  let most: Growth | undefined;
  for (const { name, role, init, value, shape } of planStates(plan)) {
    const variance = DRAWN_VARIANCE[init];
    if (role !== 'parameter' || variance === undefined || shape.length < 2) continue;
    let squares = 0;
    for (const element of states.get(name) ?? []) squares += element * element;
    const factor = Math.sqrt((variance * squares) / elementCount(shape)) / value;
    if (Number.isFinite(factor) && factor >= RUNAWAY_WEIGHTS && factor > (most?.factor ?? 0)) most = { name, factor };
  }
  return most;
}

/** Whether a loss has grown beyond what noise does. */
export function hasGrown(first: number, last: number): boolean {
  return last > RUNAWAY_LOSS * Math.abs(first);
}

function grownLoss({ first, last }: LossHistory): string | undefined {
  if (first === undefined || last === undefined || !hasGrown(first.loss, last.loss)) return undefined;
  return (
    `the loss had grown from ${first.loss.toPrecision(4)} (step ${first.step + 1}) to ${last.loss.toPrecision(4)} (step ` +
    `${last.step + 1})`
  );
}

/** What is known of a step that went wrong. */
export interface Trouble {
  readonly plan: Plan;
  /** Counted from 0. */
  readonly step: number;
  /** The first value that its format could not hold. */
  readonly overflow: Overflow | undefined;
  /** That the step began with. */
  readonly states: StateValues;
  readonly losses: LossHistory;
}

/** What speaks for the learning rate as the cause; before the first update it cannot be. */
export function blameRate({ plan, step, overflow, states, losses }: Trouble): Blame | undefined {
  if (step === 0) return undefined;
  const growth = grownWeight(plan, states);
  if (growth !== undefined)
    return { evidence: `${growth.name} is ${formatMagnitude(growth.factor)} times as large as at the start`, certain: true };
  if (overflow !== undefined && isCast(overflow) && planStates(plan).some(({ name }) => name === overflow.value))
    return { evidence: 'no weight should be that large', certain: true };
  if (overflow?.dtype === 'f32') return { evidence: 'fp32 itself could not hold it', certain: true };
  const grown = grownLoss(losses);
  return grown === undefined ? undefined : { evidence: grown, certain: false };
}
