import type { Tuning } from '../src/measure/tune.js';
import { median } from './statistics.js';
import { formatMs, markdown } from './table.js';

/** What policy `fastest` promises: not slower than the best of the others by more than this share, predicted within that one. */
export const GOALS = { slower: 0.03, prediction: 0.2 };

const RULE_PLANS = ['fp32', 'autocast', 'mixed'] as const;
const PLANS = [...RULE_PLANS, 'min-cut'] as const;

type PlanName = (typeof PLANS)[number];

/** Several rounds of one model in one compute format. */
export interface PolicyRounds {
  readonly model: string;
  readonly rounds: readonly Tuning[];
}

function candidate({ candidates }: Tuning, name: PlanName) {
  return candidates.find((found) => found.name === name);
}

/** What policy `fastest` took takes, over the best of fp32, autocast and mixed, less 1. */
export function slowerThanBest(round: Tuning): number {
  const best = Math.min(...RULE_PLANS.map((name) => candidate(round, name)!.measured_ms));
  return candidate(round, round.taken)!.measured_ms / best - 1;
}

/** Prediction over measurement of what policy `fastest` took, less 1. */
export function predictionError(round: Tuning): number {
  const taken = candidate(round, round.taken)!;
  return taken.predicted_ms / taken.measured_ms - 1;
}

/**
 * The step with its kernels timed, over the step as it is and at the same time, less 1: what a prediction misses when the machine keeps its
 * speed.
 */
export function timingError(round: Tuning): number {
  const taken = candidate(round, round.taken)!;
  return taken.kernels_ms / taken.measured_ms - 1;
}

function signed(share: number): string {
  return `${share < 0 ? '' : '+'}${(100 * share).toFixed(1)} %`;
}

function takenText(rounds: readonly Tuning[]): string {
  const counts = new Map<string, number>();
  for (const { taken } of rounds) counts.set(taken, (counts.get(taken) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  return sorted.map(([name, count]) => (sorted.length === 1 ? name : `${name} (${count})`)).join(', ');
}

/** Medians over the rounds; the errors are those of the median round. */
export function policyTable(all: readonly PolicyRounds[]): string {
  const rows = all.map(({ model, rounds }) => {
    const cell = (name: PlanName) => {
      const found = rounds.flatMap((round) => candidate(round, name) ?? []);
      return found.length === 0 ? '-' : formatMs(median(found.map(({ measured_ms }) => measured_ms)));
    };
    const taken = rounds.map((round) => candidate(round, round.taken)!);
    const slower = median(rounds.map(slowerThanBest));
    const error = median(rounds.map(predictionError));
    const holds = slower <= GOALS.slower && Math.abs(error) <= GOALS.prediction;
    return [
      `${model}, batch ${rounds[0]!.batch}`,
      rounds[0]!.precision,
      takenText(rounds),
      ...PLANS.map(cell),
      signed(slower),
      formatMs(median(taken.map(({ predicted_ms }) => predicted_ms))),
      signed(error),
      signed(median(rounds.map(timingError))),
      holds ? 'met' : 'missed',
    ];
  });
  return markdown(['model', 'low format', 'taken', ...PLANS, 'taken against best', 'predicted', 'error', 'in turns', ''], rows, 3);
}
