import type { LiveEvents, LiveFacts } from '../src/api/live/live-runs.js';
import type { DrawnRun } from '../src/api/run-report/curve-figures.js';
import type { SummedRun } from '../src/api/run-report/results-sections.js';
import type { TrainEvent } from '../src/training/events.js';
import { runResults } from '../src/training/run-summary.js';
import { findingsOf, thinned } from './run-events.js';

/** Asks the server for JSON. Throws an Error when it does not answer, or has no such thing. */
export async function ask<T>(name: string, words: Readonly<Record<string, string>> = {}): Promise<T> {
  const response = await fetch(`${name}?${new URLSearchParams(words)}`);
  if (!response.ok) throw new Error((await response.text()).trim());
  return (await response.json()) as T;
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
    return findingsOf(this.events);
  }
}
