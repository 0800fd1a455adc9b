import type { TrainEvent } from '../src/training/events.js';

/** Steps that a page keeps of a run; of more, every other older one goes, so that a page of a day holds no more than one of an hour. */
const MOST_STEPS = 6000;

/** What happened besides steps and epochs, as far back as a page keeps it. */
const MOST_FINDINGS = 200;

/** Without every other of the older steps; skipped ones stay. */
export function thinned(events: readonly TrainEvent[]): readonly TrainEvent[] {
  const steps = events.filter(({ event }) => event === 'step').length;
  if (steps <= MOST_STEPS) return events;
  let place = 0;
  return events.filter((event) => {
    if (event.event !== 'step') return true;
    place += 1;
    return event.skipped || place > MOST_STEPS / 2 || place % 2 === 0;
  });
}

/** What happened besides steps and epochs, the last first. */
export function findingsOf(events: readonly TrainEvent[]): readonly string[] {
  const found = events.flatMap((event) => {
    if (event.event === 'overflow') return [`step ${event.step}: ${event.message}`];
    if (event.event === 'warning') return [`step ${event.step}: ${event.message}. ${event.why}`];
    if (event.event === 'replan') return [`step ${event.step}: ${event.value} is kept in fp32 from here on`];
    return [];
  });
  return found.slice(-MOST_FINDINGS).reverse();
}
