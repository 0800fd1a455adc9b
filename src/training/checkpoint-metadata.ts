import { type Check, fields, isCount, isNumber, isText, listOf, oneOf, optional, recordOf } from '../files/json-form.js';
import { MONITORED, type Monitored } from '../ir/early-stop.js';
import type { FoundPin } from '../ir/pin.js';
import type { Course, GroupCourses } from './schedule.js';
import { isStoredPin, readPin, type StoredPin, storePin } from './stored-pins.js';
import { EMPTY_TALLY, type LossHistory, type TallyState } from './tally.js';

/** What is known of a run's overflows; plain data, so that a resumed run decides as the whole run would. */
export interface WatchState {
  /** Skips that were looked into in this epoch. */
  readonly traced: number;
  /** By value: how often it was the first to overflow since the last plan. */
  readonly seen: Readonly<Record<string, number>>;
  readonly replans: number;
}

export interface SetScores {
  /** None where the model results in no classes. */
  readonly accuracy?: number;
  readonly loss: number;
}

/**
 * What is tested besides what the file says: the weights themselves, or their averages, where the other of both is evaluated; each image
 * alone, where views of it are averaged.
 */
export const BESIDES = ['raw', 'average', 'plain'] as const;
export type Besides = (typeof BESIDES)[number];

/** On the test images, and on those that are kept for choosing; without a loss where these alone were evaluated. */
export interface Scores extends Partial<SetScores> {
  readonly validation?: SetScores;
  /** On the test images. */
  readonly besides?: Readonly<Partial<Record<Besides, SetScores>>>;
}

/** The best value of a metric so far, and the epoch of it, from 1; the first of several. */
export interface BestEpoch {
  readonly metric: Monitored;
  readonly value: number;
  readonly epoch: number;
}

/** Where a run stands; with the states and the settings, all that continuing it needs. */
export interface RunPosition {
  /** Optimizer steps taken, skipped ones too. */
  readonly step: number;
  /** Epochs finished, evaluation included. */
  readonly epoch: number;
  /** Steps taken in the epoch after those; all of them when only its evaluation is left. */
  readonly stepInEpoch: number;
  /** What the epoch's line will say, as far as it is known. */
  readonly tally: TallyState;
  /** Skipped steps in a row, up to now. */
  readonly skipsInARow: number;
  /** What was found out about skipped steps; not in checkpoints of older versions. */
  readonly watch?: WatchState;
  /** Pins of the plan that the file does not have. */
  readonly pins?: readonly FoundPin[];
  /** Where in the run, in epochs from its begin, the plan took over, since what is frozen changed; left out: at its begin. */
  readonly phase?: number;
  /** The run's way through its schedule, and the rate of the last step; not in checkpoints of older versions. */
  readonly course?: Course;
  /** Those of groups that have others. */
  readonly groupCourses?: GroupCourses;
  readonly rate?: number | undefined;
  /** Losses so far; not in checkpoints of older versions. */
  readonly losses?: LossHistory;
  /** What `early_stop` judges by; left out: it does not, or nothing is known yet. */
  readonly bestEpoch?: BestEpoch | undefined;
  readonly last: Scores | undefined;
  readonly best: Scores | undefined;
  /** Seconds spent in the run and in the unfinished epoch. */
  readonly seconds: number;
  readonly epochSeconds: number;
}

/**
 * Every setting of a run but the number of epochs, when it ends early, when it is tested and what follows a lost loss, by its path. A run
 * goes on with the same ones; its rates alone may change.
 */
export type RunSettings = Readonly<Record<string, string>>;

const OF_A_SET = { accuracy: optional(isNumber), loss: optional((value) => value === null || isNumber(value)) };
export const isScores = fields({ ...OF_A_SET, validation: optional(fields(OF_A_SET)), besides: optional(recordOf(fields(OF_A_SET))) });
const isCourse = fields({ from: isNumber, at: isNumber, of: isNumber, to: isNumber });
const isLoss = fields({ step: isCount, loss: isNumber });

const POSITION = {
  step: isCount,
  epoch: isCount,
  stepInEpoch: isCount,
  tally: fields({
    lossSum: isNumber,
    partSums: optional(recordOf(isNumber)),
    lossCount: isNumber,
    correct: isNumber,
    images: isCount,
    skipped: isCount,
    leftOut: optional(isCount),
  }),
  skipsInARow: isCount,
  watch: optional(fields({ traced: isCount, seen: recordOf(isCount), replans: isCount })),
  pins: optional(listOf(isStoredPin)),
  phase: optional(isNumber),
  course: optional(isCourse),
  groupCourses: optional(recordOf(isCourse)),
  rate: optional(isNumber),
  losses: optional(fields({ first: optional(isLoss), last: optional(isLoss) })),
  bestEpoch: optional(fields({ metric: oneOf(MONITORED), value: isNumber, epoch: isCount })),
  last: optional(isScores),
  best: optional(isScores),
  seconds: isNumber,
  epochSeconds: isNumber,
} as const satisfies Record<keyof RunPosition, Check>;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A position as a checkpoint has it. */
interface StoredPosition extends Omit<RunPosition, 'pins'> {
  readonly pins?: readonly StoredPin[] | undefined;
}

export function positionText(position: RunPosition): string {
  const stored: StoredPosition = { ...position, pins: position.pins?.map(storePin) };
  return JSON.stringify(stored);
}

/** The position in a checkpoint; undefined when the text is none. */
export function parsePosition(text: string): RunPosition | undefined {
  const value = parse(text);
  if (!fields(POSITION)(value)) return undefined;
  const { pins, ...position } = value as StoredPosition;
  // Older versions did not count steps that the means leave out.
  return { ...position, ...(pins && { pins: pins.map(readPin) }), tally: { ...EMPTY_TALLY, ...position.tally } };
}

/** The settings in a checkpoint; undefined when the text holds none. */
export function parseSettings(text: string): RunSettings | undefined {
  const value = parse(text);
  return recordOf(isText)(value) ? (value as RunSettings) : undefined;
}
