import type { Plan } from '../plan/plan.js';
import type { Backend, Executable, LoadOptions } from '../runtime/backend.js';
import { initialStates } from '../training/states.js';

/** The calls around the median: averaging whole calls keeps the times of their parts adding up. */
export function middleThird<T extends { readonly seconds: number }>(samples: readonly T[]): readonly T[] {
  const sorted = [...samples].sort((a, b) => a.seconds - b.seconds);
  const cut = Math.floor(sorted.length / 3);
  return sorted.slice(cut, sorted.length - cut);
}

/** The quickest tenth, two at least: whatever else a machine does only adds time, and to some calls more than to others. */
export function quickest<T extends { readonly seconds: number }>(samples: readonly T[]): readonly T[] {
  return [...samples].sort((a, b) => a.seconds - b.seconds).slice(0, Math.max(2, Math.ceil(samples.length / 10)));
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Loads plans, hands their executables over, and disposes of them. */
export async function withLoaded<T>(
  backend: Backend,
  plans: readonly Plan[],
  { seed, ...load }: LoadOptions & { readonly seed: number },
  use: (executables: readonly Executable[]) => Promise<T>,
): Promise<T> {
  const executables: Executable[] = [];
  try {
    for (const plan of plans) {
      const executable = await backend.load(plan, load);
      executables.push(executable);
      await executable.writeStates(initialStates(plan, seed));
    }
    return await use(executables);
  } finally {
    for (const executable of executables) await executable.dispose();
  }
}

/** How often something is timed. */
export interface Repeats {
  /** Rounds before the first timed one. */
  readonly warmup: number;
  /** Timed calls of each contestant. */
  readonly steps: number;
  /** Calls in a row; above 1, the first of a row is not timed: its caches hold what another contestant left. */
  readonly row: number;
}

/** Calls of about `seconds` each: many short ones, few long ones, one and a half seconds of each contestant. */
export function repeatsFor(seconds: number): Repeats {
  const steps = Math.min(3000, Math.max(4, Math.round(1.5 / seconds)));
  return { warmup: 1, steps, row: seconds < 0.1 ? 5 : 1 };
}

/** Times several contestants in turns, so that a disturbance meets all of them; the samples of each, without those of the warm-up. */
export async function takeTurns<T>(
  contestants: readonly (() => Promise<T>)[],
  { warmup, steps, row }: Repeats,
): Promise<readonly (readonly T[])[]> {
  const samples = contestants.map((): T[] => []);
  for (let round = -warmup; samples.some((own) => own.length < steps); round += 1) {
    for (const [index, run] of contestants.entries()) {
      if (row > 1) await run();
      for (let i = 0; i < row; i += 1) {
        const sample = await run();
        if (round >= 0) samples[index]!.push(sample);
      }
    }
  }
  return samples;
}

/**
 * Seconds of each contestant of `takeTurns`, such that they compare: the quickest call of each row, as a share of its turn, by the median
 * over the turns; times what a turn takes when it is quick. A disturbance that lasts slows whole turns down and leaves the shares, one that
 * is short meets single turns.
 */
export function pairedSeconds(samples: readonly (readonly { readonly seconds: number }[])[], row: number): readonly number[] {
  const turns = Math.floor(Math.min(...samples.map(({ length }) => length)) / row);
  const quickOf = (own: (typeof samples)[number], turn: number) =>
    Math.min(...own.slice(turn * row, (turn + 1) * row).map(({ seconds }) => seconds));
  const rows = samples.map((own) => Array.from({ length: turns }, (_, turn) => quickOf(own, turn)));
  const sums = Array.from({ length: turns }, (_, turn) => rows.reduce((sum, own) => sum + own[turn]!, 0));
  const level = mean(quickest(sums.map((seconds) => ({ seconds }))).map(({ seconds }) => seconds));
  return rows.map((own) => {
    const shares = own.map((seconds, turn) => seconds / sums[turn]!).sort((a, b) => a - b);
    return level * shares[shares.length >> 1]!;
  });
}
