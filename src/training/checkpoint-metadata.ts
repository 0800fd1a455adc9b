import type { RunPosition, RunSettings } from './checkpoint.js';
import { EMPTY_TALLY } from './tally.js';

type Check = (value: unknown) => boolean;

const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber: Check = (value) => typeof value === 'number';
const isText: Check = (value) => typeof value === 'string';

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

const recordOf =
  (check: Check): Check =>
  (value) =>
    isRecord(value) && Object.values(value).every(check);

/** An object with these keys; others may be there. */
const fields =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isRecord(value) && Object.entries(checks).every(([key, check]) => check(Object.hasOwn(value, key) ? value[key] : undefined));

const isScores = fields({ accuracy: isNumber, loss: optional((value) => value === null || isNumber(value)) });
const isLoss = fields({ step: isCount, loss: isNumber });
const isPin = fields({ target: isText, dtype: (value) => ['f32', 'f16', 'bf16'].includes(value as string), reason: isText });

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
  pins: optional(listOf(isPin)),
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
