import type { DType, Loc } from '../../ir/types.js';
import type { OverflowEvent, ReplanEvent, TrainEvent } from '../events.js';
import type { StoredPin } from '../stored-pins.js';

/** A value that was the first to overflow in one skipped step or several. */
export interface OverflowStory {
  readonly value: string;
  readonly layer: string;
  readonly phase: 'forward' | 'backward' | 'update';
  readonly dtype: DType;
  readonly place: Loc | null;
  /** Skipped steps in which it was the first. */
  readonly times: number;
  readonly firstStep: number;
  readonly lastStep: number;
  /** The largest magnitude that was measured. */
  readonly largest: number | null;
  readonly limit: number;
  /** The smallest loss scale at which it overflowed. */
  readonly lowestScale: number;
  /** Layers that a pin to fp32 would keep from it. */
  readonly keep: readonly string[];
  /** Whether the run has pinned these since. */
  readonly pinned: boolean;
}

export interface ReplanStory {
  readonly step: number;
  readonly replan: number;
  readonly value: string;
  readonly pins: readonly StoredPin[];
}

function largestOf(events: readonly OverflowEvent[]): number | null {
  const sizes = events.flatMap(({ magnitude }) => (magnitude === null ? [] : [magnitude]));
  return sizes.length === 0 ? null : Math.max(...sizes);
}

/** Who overflowed, in order of first appearance. */
export function overflowStories(events: readonly TrainEvent[]): readonly OverflowStory[] {
  const overflows = events.filter((event) => event.event === 'overflow');
  const replans = events.filter((event) => event.event === 'replan');
  const byValue = new Map<string, OverflowEvent[]>();
  for (const event of overflows) {
    if (event.value === null) continue;
    const list = byValue.get(event.value);
    if (list === undefined) byValue.set(event.value, [event]);
    else list.push(event);
  }
  return [...byValue].map(([value, found]): OverflowStory => {
    const [first, last] = [found[0]!, found.at(-1)!];
    return {
      value,
      layer: last.layer ?? '',
      phase: last.phase ?? 'forward',
      dtype: last.dtype ?? 'f16',
      place: last.place,
      times: found.length,
      firstStep: first.step,
      lastStep: last.step,
      largest: largestOf(found),
      limit: last.limit ?? 0,
      lowestScale: Math.min(...found.map(({ loss_scale }) => loss_scale)),
      keep: last.keep,
      pinned: replans.some((replan) => replan.value === value && replan.step >= last.step),
    };
  });
}

export function replanStories(events: readonly TrainEvent[]): readonly ReplanStory[] {
  const replans = events.filter((event): event is ReplanEvent => event.event === 'replan');
  return replans.map(({ step, replan, value, pins }) => ({ step, replan, value, pins }));
}
