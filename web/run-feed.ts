import type { LiveEvents, LiveFacts } from '../src/api/live/live-runs.js';
import type { DrawnRun } from '../src/api/run-report/curve-figures.js';
import type { SummedRun } from '../src/api/run-report/results-sections.js';
import type { TrainEvent } from '../src/training/events.js';
import { runResults } from '../src/training/run-summary.js';

/** Steps that a page keeps of a run; of more, every other older one goes, so that a page of a day holds no more than one of an hour. */
const MOST_STEPS = 6000;

/** What happened besides steps and epochs, as far back as a page keeps it. */
const MOST_FINDINGS = 200;

/** Asks the server for JSON. Throws an Error when it does not answer, or has no such thing. */
export async function ask<T>(name: string, words: Readonly<Record<string, string>> = {}): Promise<T> {
  const response = await fetch(`${name}?${new URLSearchParams(words)}`);
  if (!response.ok) throw new Error((await response.text()).trim());
  return (await response.json()) as T;
}

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

/** What a page knows of one run, and how it hears more. */
export class RunFeed {
  facts: LiveFacts | undefined;
  events: readonly TrainEvent[] = [];
  isHeld = false;
  private from = 0;
  private file = '';
  private plans = -1;

  constructor(readonly name: string) {}

  /** Hears what is new; whether anything was. */
  async hear(): Promise<boolean> {
    let isNew = false;
    for (;;) {
      const part = await ask<LiveEvents>('events', { run: this.name, from: String(this.from), file: this.file });
      const isAgain = part.file !== this.file;
      if (isAgain) this.events = [];
      const heard = part.lines.split('\n').filter((line) => line !== '');
      isNew ||= isAgain || heard.length > 0 || part.isHeld !== this.isHeld;
      this.events = thinned([...this.events, ...heard.map((line) => JSON.parse(line) as TrainEvent)]);
      [this.from, this.file, this.isHeld] = [part.next, part.file, part.isHeld];
      if (!part.isMore) break;
    }
    // Another plan took over, or the run was taken up again: what is told of it is asked for again.
    const plans = this.events.filter(({ event }) => event === 'start' || event === 'replan' || event === 'phase').length;
    if (plans !== this.plans || this.facts === undefined) {
      this.facts = await ask<LiveFacts>('facts', { run: this.name });
      this.plans = plans;
    }
    return isNew;
  }

  /** In the form that reports draw. */
  drawn(): DrawnRun & SummedRun {
    const { facts, events, isHeld } = this;
    if (facts === undefined) throw new Error(`nothing was heard of ${this.name}`);
    const { summary, epochSteps, backend } = facts;
    return {
      events,
      epochSteps: epochSteps ?? undefined,
      choices: { backend },
      summary: { ...summary, ...runResults(events, { isHeld }), run: this.name },
    };
  }

  /** What happened besides steps and epochs, the last first. */
  findings(): readonly string[] {
    const found = this.events.flatMap((event) => {
      if (event.event === 'overflow') return [`step ${event.step}: ${event.message}`];
      if (event.event === 'warning') return [`step ${event.step}: ${event.message}. ${event.why}`];
      if (event.event === 'replan') return [`step ${event.step}: ${event.value} is kept in fp32 from here on`];
      return [];
    });
    return found.slice(-MOST_FINDINGS).reverse();
  }
}
