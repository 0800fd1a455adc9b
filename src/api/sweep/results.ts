import { studentQuantile } from '../../numeric/student.js';
import type { RunState } from '../../training/run-summary.js';
import { readRunStory } from '../list-runs.js';
import type { Definition, PlannedRun } from './definition.js';

export const MEASURES = ['validation_accuracy', 'validation_loss', 'test_accuracy', 'test_loss'] as const;
export type Measure = (typeof MEASURES)[number];

/** What a run has come to; what was not measured, or is not finite, is null. */
export interface RunScores extends Readonly<Record<Measure, number | null>> {
  /** The epoch that the scores are of: with images kept for validation the best one by those, else the last. */
  readonly epoch: number | null;
  readonly seconds: number;
}

/** `pending`: it has not begun; `failed`: an error ended it, and it is tried again when the sweep goes on. */
export type SweepState = Exclude<RunState, 'running'> | 'pending' | 'failed';

export interface SweepRun extends RunScores {
  /** Its folder. */
  readonly run: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly seed: number | null;
  readonly state: SweepState;
  /** Why it failed, or lost its numbers. */
  readonly why: string | null;
}

export interface Statistic {
  /** Values that it is of: n. */
  readonly count: number;
  readonly mean: number;
  /** Of a sample, over n - 1; null of a single run. */
  readonly deviation: number | null;
  /** The 95 % confidence interval of the mean, its lower and its upper end, by Student's t; null of a single run. */
  readonly interval: readonly [number, number] | null;
  readonly min: number;
  readonly max: number;
}

/** A combination of values, over its seeds. */
export interface SweepRow extends Readonly<Record<Measure, Statistic | null>> {
  readonly settings: Readonly<Record<string, string>>;
  /** Runs that came to their end with their numbers finite; the statistics are of those. */
  readonly complete: number;
  /** Of a run: training and evaluation. */
  readonly seconds: Statistic | null;
  readonly runs: readonly SweepRun[];
}

export interface SweepTable {
  /** What rows are sorted by, the best first. */
  readonly by: Measure;
  readonly rows: readonly SweepRow[];
}

const NONE: RunScores = {
  epoch: null,
  validation_accuracy: null,
  validation_loss: null,
  test_accuracy: null,
  test_loss: null,
  seconds: 0,
};

/** What is in the folder of a run, and what has come of it; undefined where none has begun. */
export async function lookAt(dir: string): Promise<{ readonly state: RunState; readonly scores: RunScores } | undefined> {
  const story = await readRunStory(dir).catch(() => undefined);
  if (story === undefined) return undefined;
  const { state, accuracy, loss, best, epochs, seconds } = story.summary;
  const chosen = story.epochs.find(({ epoch }) => epoch === best?.epoch);
  if (chosen?.validation_loss === undefined)
    return { state, scores: { ...NONE, epoch: epochs === 0 ? null : epochs, test_accuracy: accuracy, test_loss: loss, seconds } };
  const { epoch, validation_loss, validation_accuracy = null, test_accuracy, test_loss } = chosen;
  return { state, scores: { epoch, validation_loss, validation_accuracy, test_accuracy, test_loss, seconds } };
}

export function sweepRun(
  run: string,
  { settings, seed }: PlannedRun,
  state: SweepState,
  scores = NONE,
  why: string | null = null,
): SweepRun {
  return { run, settings, seed: seed ?? null, state, why, ...scores };
}

/** What an interval of the mean is to hold it with. */
const CONFIDENCE = 0.95;

/** Of a sample; null where there is none. */
export function statistic(values: readonly number[]): Statistic | null {
  const count = values.length;
  if (count === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const [min, max] = [Math.min(...values), Math.max(...values)];
  if (count === 1) return { count, mean, deviation: null, interval: null, min, max };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (count - 1));
  const reach = (studentQuantile(CONFIDENCE, count - 1) * deviation) / Math.sqrt(count);
  return { count, mean, deviation, interval: [mean - reach, mean + reach], min, max };
}

function rowOf(runs: readonly SweepRun[]): SweepRow {
  const complete = runs.filter(({ state }) => state === 'complete');
  const over = (measure: Measure) => statistic(complete.flatMap((run) => run[measure] ?? []));
  return {
    settings: runs[0]!.settings,
    complete: complete.length,
    validation_accuracy: over('validation_accuracy'),
    validation_loss: over('validation_loss'),
    test_accuracy: over('test_accuracy'),
    test_loss: over('test_loss'),
    seconds: statistic(complete.map(({ seconds }) => seconds)),
    runs,
  };
}

/** Accuracy where there is one, else the loss; of the images kept for validation where there are any, else of the test images. */
function chosenMeasure(runs: readonly SweepRun[], isValidated: boolean): Measure {
  const [accuracy, loss] = isValidated ? (['validation_accuracy', 'validation_loss'] as const) : (['test_accuracy', 'test_loss'] as const);
  const isScored = runs.some((run) => run[accuracy] !== null) || runs.every((run) => run[loss] === null);
  return isScored ? accuracy : loss;
}

/** The runs by their settings, the best first; equal ones as the sweep has them. */
export function sweepTable(runs: readonly SweepRun[], { isValidated }: Pick<Definition, 'isValidated'>): SweepTable {
  const groups = new Map<SweepRun['settings'], SweepRun[]>();
  for (const run of runs) groups.set(run.settings, [...(groups.get(run.settings) ?? []), run]);
  const by = chosenMeasure(runs, isValidated);
  const sign = by.endsWith('accuracy') ? -1 : 1;
  const rank = (row: SweepRow) => (row[by] === null ? Number.POSITIVE_INFINITY : sign * row[by].mean);
  const rows = [...groups.values()].map(rowOf).sort((a, b) => {
    const [first, second] = [rank(a), rank(b)];
    return first === second ? 0 : first - second;
  });
  return { by, rows };
}
