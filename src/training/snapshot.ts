import type { Plan } from '../plan/plan.js';
import { brokenState, type StateValues } from './states.js';

/** The states of one moment. Whether the model in them is finite is looked for once, when that is first asked. */
export class Snapshot {
  #looked: { readonly broken: string | undefined } | undefined;

  /** `looked`: what somebody found who looked already. */
  constructor(
    private readonly plan: Plan,
    readonly states: StateValues,
    looked?: { readonly broken: string | undefined },
  ) {
    this.#looked = looked;
  }

  /** A parameter or running statistic with an element that is infinite or NaN. */
  get broken(): string | undefined {
    this.#looked ??= { broken: brokenState(this.plan, this.states) };
    return this.#looked.broken;
  }
}
