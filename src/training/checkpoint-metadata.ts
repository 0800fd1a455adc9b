import { type Check, fields, isCount, isNumber, isText, listOf, oneOf, optional, recordOf } from '../files/json-form.js';
import { COMPUTE_TYPES } from '../ir/types.js';
import type { RunPosition, RunSettings } from './checkpoint.js';
import { EMPTY_TALLY } from './tally.js';

const isScores = fields({ accuracy: isNumber, loss: optional((value) => value === null || isNumber(value)) });
const isLoss = fields({ step: isCount, loss: isNumber });
/** Whether a value read from JSON is a `StoredPin`. */
export const isStoredPin = fields({ target: (value) => isText(value) && value !== '', dtype: oneOf(COMPUTE_TYPES), reason: isText });

const POSITION = {
  step: isCount,
  epoch: isCount,
  stepInEpoch: isCount,
  tally: fields({
    lossSum: isNumber,
    lossCount: isNumber,
    correct: isNumber,
    images: isCount,
    skipped: isCount,
    leftOut: optional(isCount),
  }),
  skipsInARow: isCount,
  watch: optional(fields({ traced: isCount, seen: recordOf(isCount), replans: isCount })),
  pins: optional(listOf(isStoredPin)),
  course: optional(fields({ from: isNumber, at: isNumber, of: isNumber, to: isNumber })),
  rate: optional(isNumber),
  losses: optional(fields({ first: optional(isLoss), last: optional(isLoss) })),
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

/** The position in a checkpoint; undefined when the text is none. */
export function parsePosition(text: string): RunPosition | undefined {
  const value = parse(text);
  if (!fields(POSITION)(value)) return undefined;
  const position = value as RunPosition;
  // Older versions did not count steps that the means leave out.
  return { ...position, tally: { ...EMPTY_TALLY, ...position.tally } };
}

/** The settings in a checkpoint; undefined when the text holds none. */
export function parseSettings(text: string): RunSettings | undefined {
  const value = parse(text);
  return recordOf(isText)(value) ? (value as RunSettings) : undefined;
}
