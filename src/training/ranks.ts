import { type Collectives, gatherTexts } from '../runtime/backend.js';

export type Ranks = Pick<Collectives, 'rank' | 'size' | 'gather'>;

/** What ends a run from outside, and who trains it. */
export interface Steering {
  /** Aborting it ends the run after the running step, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** Once `isStopped`, the run ends as one that is done, after the running step, or behind the epoch that is done. */
  readonly control?: { readonly isStopped: boolean };
  /** The processes that train together, where there are several: rank 0 writes what the run leaves. */
  readonly ranks?: Collectives;
}

/** Whether this process writes what a run leaves: of several ranks the first. */
export function writes(ranks: Pick<Collectives, 'rank'> | undefined): boolean {
  return ranks === undefined || ranks.rank === 0;
}

/**
 * Whether a run is to end: as it is, because a signal came, or as one that is done, because a callback says so. What any rank is told all
 * do, between the same two steps; one rank by itself does it at once. When it is time to save, the first rank says.
 */
export class Agreement {
  #agreed = { interrupt: false, stop: false, save: false, exitCode: 0 };

  constructor(private readonly options: Steering) {}

  get #own() {
    const { signal, control } = this.options;
    const interrupt = signal?.aborted === true;
    const { exitCode = 0 } = (interrupt ? signal.reason : {}) as { readonly exitCode?: number };
    return { interrupt, stop: control?.isStopped === true, exitCode };
  }

  get interrupt(): boolean {
    return this.options.ranks === undefined ? this.#own.interrupt : this.#agreed.interrupt;
  }

  get stop(): boolean {
    return this.options.ranks === undefined ? this.#own.stop : this.#agreed.stop;
  }

  /** With which several ranks that are interrupted end; undefined: no signal says so. */
  get exitCode(): number | undefined {
    return this.#agreed.exitCode || undefined;
  }

  /** Whether the first rank found it time to save when they last agreed; undefined: there is one. */
  get save(): boolean | undefined {
    return this.options.ranks && this.#agreed.save;
  }

  /** Asks the other ranks; all ask at the same time. `save`: whether this one finds it time to save. */
  async renew(save = false): Promise<void> {
    const { ranks } = this.options;
    if (ranks === undefined) return;
    const { interrupt, stop, exitCode } = this.#own;
    const all = await ranks.gather(Uint8Array.of(Number(interrupt), Number(stop), Number(save), exitCode));
    this.#agreed = {
      interrupt: all.some(([one]) => one === 1),
      stop: all.some(([, one]) => one === 1),
      save: all[0]![2] === 1,
      exitCode: Math.max(...all.map((one) => one[3]!)),
    };
  }
}

/** Lists of all ranks, one behind the other. */
export async function gatherLists<T>(ranks: Ranks, own: readonly T[]): Promise<readonly T[]> {
  // JSON has no form for what is not finite.
  const text = JSON.stringify(own, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? { number: String(value) } : value,
  );
  const all = await gatherTexts(ranks, text);
  const revive = (_key: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && 'number' in value ? Number(value.number) : value;
  return all.flatMap((one) => JSON.parse(one, revive) as readonly T[]);
}
