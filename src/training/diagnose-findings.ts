import { formatNamed, hasShortRange } from '../numeric/formats.js';
import { formatMagnitude } from '../numeric/magnitude.js';
import type { ScalingFact } from '../plan/facts.js';
import type { Finding } from './diagnose-numbers.js';
import type { EpochEvent, WarningEvent } from './events.js';
import type { OverflowStory } from './overflow/overflow-story.js';

/** A change of the loss scale between two logged steps. */
export interface ScaleChange {
  readonly step: number;
  readonly from: number;
  readonly to: number;
}

/** What the findings on a run are made from. */
export interface RunFacts {
  readonly precision: string;
  readonly steps: number;
  readonly skipped: number;
  readonly epochs: readonly Pick<EpochEvent, 'train_loss'>[];
  readonly scale: { readonly first: number; readonly last: number; readonly lowest: number; readonly highest: number };
  readonly scaleChanges: readonly ScaleChange[];
  readonly lossLostAt: number | undefined;
  readonly traced: number;
  readonly overflows: readonly OverflowStory[];
  readonly warnings: readonly Pick<WarningEvent, 'fix'>[];
}

/** Below this scale f16 gradients lose what scaling is for. */
const LOW_SCALE = 16;

/** How often a gradient is the first to overflow before a pin is better than a smaller scale. */
const REPEATED = 3;

/** No loss scale helps a forward value; a gradient that overflows now and then is what finding the scale looks like. */
export function needsPin({ pinned, keep, phase, times }: OverflowStory): boolean {
  return !pinned && keep.length > 0 && (phase === 'forward' || times >= REPEATED);
}

function overflowFinding(story: OverflowStory): Finding {
  const { value, phase, times, largest, limit, keep, lowestScale } = story;
  const steps = `${times} skipped ${times === 1 ? 'step' : 'steps'}`;
  const reach =
    largest === null || largest <= limit ? '' : `, with up to ${formatMagnitude(largest)} where fp16 ends at ${formatMagnitude(limit)}`;
  const lines = keep.map((layer) => `keep ${layer} in fp32`).join('; ');
  return phase === 'forward'
    ? { severity: 'problem', message: `${value} overflowed in the forward pass of ${steps}${reach}`, fix: `no loss scale helps: ${lines}` }
    : {
        severity: 'advice',
        message: `${value} was the first to overflow in ${steps}${reach}, down to a loss scale of ${formatMagnitude(lowestScale)}`,
        fix: `${lines}, so that it no longer holds the scale down`,
      };
}

/** Whether a value that overflowed in the forward pass is what the run's trouble comes from. */
function isExplained({ overflows }: RunFacts): boolean {
  return overflows.some((story) => story.phase === 'forward' && (story.pinned || needsPin(story)));
}

/** What a kind of loss scaling does for a run, and what can be found of it. */
interface ScalingStory {
  /** What helps when the loss is not finite and no overflow says why. */
  readonly lossFix: (facts: RunFacts) => string;
  readonly findings: (facts: RunFacts, init: number) => readonly (Finding | undefined)[];
}

const GUARDED = 'the forward pass overflows: no loss scale helps; find the layer with ampc verify and keep it in fp32';

const SCALINGS: Readonly<Record<ScalingFact['kind'], ScalingStory>> = {
  none: {
    lossFix: ({ warnings }) =>
      warnings[0]?.fix ?? 'no loss scaling guards the update: lower the learning rate, clip the gradients, or use loss_scale dynamic()',
    findings: (facts) => [vanishing(facts)],
  },
  static: { lossFix: () => GUARDED, findings: (facts, init) => [scaleTooLarge(facts, init)] },
  dynamic: { lossFix: () => GUARDED, findings: (facts) => [fallenScale(facts), lateScale(facts), manySkips(facts)] },
};

function vanishing({ precision }: RunFacts): Finding | undefined {
  const format = formatNamed(precision);
  if (format === undefined || !hasShortRange(format)) return undefined;
  return {
    severity: 'advice',
    message: `no loss scale keeps small gradients from vanishing in ${precision}`,
    fix: 'use loss_scale dynamic(); ampc calibrate shows what share vanishes at which scale',
  };
}

function scaleTooLarge({ skipped }: RunFacts, init: number): Finding | undefined {
  if (skipped === 0) return undefined;
  return {
    severity: 'problem',
    message: `${skipped} steps were skipped under a static loss scale of ${init}`,
    fix: 'use a smaller scale, or loss_scale dynamic(), which comes down by itself',
  };
}

function fallenScale(facts: RunFacts): Finding | undefined {
  if (facts.scale.last > LOW_SCALE || isExplained(facts)) return undefined;
  return {
    severity: 'problem',
    message: `the loss scale has fallen to ${facts.scale.last}`,
    fix: 'some gradient is far larger than the rest: ampc verify names the layers; keep that layer in fp32, or clip the gradients',
  };
}

/** Skips that no scale could have avoided say nothing about the scale. */
function isForwardOnly({ overflows }: RunFacts): boolean {
  return overflows.length > 0 && overflows.every(({ phase }) => phase === 'forward');
}

function lateScale(facts: RunFacts): Finding | undefined {
  const { scale, scaleChanges, steps } = facts;
  const falls = scaleChanges.filter(({ from, to }) => to < from);
  const isSearch = falls.length > 0 && falls.at(-1)!.step <= steps / 20 && falls.length === scaleChanges.length;
  if (!isSearch || isForwardOnly(facts)) return undefined;
  return {
    severity: 'advice',
    message: `the first steps only searched for the scale: it came down from ${scale.first} to ${scale.lowest}`,
    fix: `start there: loss_scale dynamic(init: ${scale.lowest})`,
  };
}

function manySkips(facts: RunFacts): Finding | undefined {
  const { steps, skipped, traced, overflows } = facts;
  const share = steps === 0 ? 0 : skipped / steps;
  const isFromStart = traced === skipped && overflows.every(({ lastStep }) => lastStep <= steps / 20);
  if (share <= 0.01 || isForwardOnly(facts) || isFromStart) return undefined;
  return {
    severity: 'advice',
    message: `${(100 * share).toFixed(1)} % of the steps were skipped`,
    fix: 'a longer growth interval tries large scales less often: loss_scale dynamic(interval: 4000)',
  };
}

/** A loss that is not finite, or what ended the run. */
function lostLoss(facts: RunFacts, { kind }: ScalingFact, end: WarningEvent | undefined): Finding | undefined {
  if (isExplained(facts)) return undefined;
  const { lossLostAt } = facts;
  if (lossLostAt !== undefined)
    return { severity: 'problem', message: `the loss is not finite from step ${lossLostAt} on`, fix: SCALINGS[kind].lossFix(facts) };
  return end === undefined ? undefined : { severity: 'problem', message: end.message, fix: end.fix };
}

function learnsNothing({ epochs }: RunFacts): Finding | undefined {
  // Of an epoch without a finite loss the file has null.
  const learned = epochs.filter(({ train_loss }) => (train_loss as number | null) !== null);
  const [first, last] = [learned[0], learned.at(-1)];
  if (first === undefined || last === undefined || learned.length <= 2 || last.train_loss <= 0.98 * first.train_loss) return undefined;
  const course = `from ${first.train_loss.toPrecision(4)} to ${last.train_loss.toPrecision(4)} in ${learned.length} epochs`;
  return {
    severity: 'problem',
    message: `the training loss went ${course}`,
    fix: 'compare with --precision fp32 for an epoch: if that learns, ampc verify shows which layer differs; if not, it is the recipe',
  };
}

/** From this share of the time on, steps wait for their data long enough to do something about it. */
const LONG_WAIT = 0.2;

/** Shorter epochs tell little of it. */
const LEAST_SECONDS = 10;

/** Steps that wait for their batches, as the last epoch has it. */
export function waitFindings(epochs: readonly Pick<EpochEvent, 'data_share' | 'seconds'>[]): readonly Finding[] {
  const { data_share: share = 0, seconds = 0 } = epochs.at(-1) ?? {};
  if (share < LONG_WAIT || seconds < LEAST_SECONDS) return [];
  return [
    {
      severity: 'advice',
      message: `${Math.round(100 * share)} % of the time steps wait for their batches`,
      fix:
        'use fewer or cheaper augmentations (rotations and resized windows cost most), or a smaller `size`; where pictures are decoded ' +
        'anew in every epoch, a larger AMPC_IMAGE_CACHE',
    },
  ];
}

/** What a run's overflows, losses and loss scale say, worst first. `end`: the warning that ended it, if one did. */
export function findingsOf(facts: RunFacts, scaling: ScalingFact, end: WarningEvent | undefined): readonly Finding[] {
  const found = [lostLoss(facts, scaling, end), ...SCALINGS[scaling.kind].findings(facts, scaling.init), learnsNothing(facts)];
  return [...facts.overflows.filter(needsPin).map(overflowFinding), ...found.filter((finding) => finding !== undefined)];
}
