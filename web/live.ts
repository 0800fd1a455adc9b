import type { LiveRun } from '../src/api/live/live-runs.js';
import { curveFigures } from '../src/api/run-report/curve-figures.js';
import { note, sectionMarkup } from '../src/api/run-report/page.js';
import { comparisonSection, curvesSection, summarySection } from '../src/api/run-report/results-sections.js';
import { element, join } from '../src/figures/markup.js';
import { byId } from './page.js';
import { ask, RunFeed } from './run-feed.js';

/** Between two questions: while a run that is shown goes on, while none does, and where nobody answers, once, twice, …. */
const GOING_ON_MS = 1000;
const AT_REST_MS = 5000;
const SILENT_MS: readonly number[] = [2000, 5000, 15_000, 60_000];

const FINDINGS_SHOWN = 8;

interface Runs {
  readonly dir: string;
  readonly first: string;
  readonly runs: readonly LiveRun[];
}

const list = byId('runs');
const status = byId('status');
const feeds = new Map<string, RunFeed>();

/** What the reader ticked; undefined: the page chooses. */
let chosen: Set<string> | undefined;
let listed = '';
let detailed: unknown;
let silences = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

let before: readonly string[] = [];

/**
 * Those that are trained, and of them that alone which was asked for. Where none is, what was shown before stays; at first that which was
 * asked for, or the run that last told something.
 */
function shownOf({ first, runs }: Runs): readonly string[] {
  const names = runs.map(({ name }) => name);
  if (chosen !== undefined) return names.filter((name) => chosen!.has(name));
  const held = runs.filter(({ isHeld }) => isHeld).map(({ name }) => name);
  if (held.includes(first)) return [first];
  if (held.length > 0) return held;
  if (before.length > 0) return before.filter((name) => names.includes(name));
  if (names.includes(first)) return [first];
  const newest = runs.reduce<LiveRun | undefined>((best, run) => ((run.updated ?? 0) > (best?.updated ?? -1) ? run : best), undefined);
  return newest === undefined ? [] : [newest.name];
}

function showList({ dir, runs }: Runs, shown: readonly string[]): void {
  const now = JSON.stringify([runs.map(({ name, isHeld }) => [name, isHeld]), shown]);
  if (now === listed) return;
  listed = now;
  byId('folder').textContent = dir;
  const focused = document.activeElement instanceof HTMLInputElement ? document.activeElement.value : undefined;
  for (const label of list.querySelectorAll('label')) label.remove();
  for (const { name, isHeld } of runs) {
    const box = Object.assign(document.createElement('input'), { type: 'checkbox', value: name, checked: shown.includes(name) });
    box.addEventListener('change', choose);
    const label = document.createElement('label');
    const words = document.createElement('span');
    words.append(name, Object.assign(document.createElement('small'), { textContent: isHeld ? 'in training' : 'at rest' }));
    label.append(box, words);
    list.append(label);
    if (name === focused) box.focus();
  }
}

function choose(): void {
  chosen = new Set([...list.querySelectorAll<HTMLInputElement>('input:checked')].map(({ value }) => value));
  void look();
}

function showResults(shown: readonly RunFeed[]): void {
  const drawn = shown.map((feed) => feed.drawn());
  const [only] = drawn;
  const curves = curvesSection(curveFigures(drawn, (run) => run));
  const summary =
    only !== undefined && drawn.length === 1
      ? summarySection(only)
      : comparisonSection(
          drawn.map((run) => run.summary),
          [],
          (run) => run,
        );
  byId('results').innerHTML = only === undefined ? note('No run is ticked.').markup : join([summary, curves].map(sectionMarkup)).markup;
  const findings = shown.flatMap((feed) => feed.findings().map((text) => (shown.length > 1 ? `${feed.name}: ${text}` : text)));
  const more = findings.length > FINDINGS_SHOWN ? note(`and ${findings.length - FINDINGS_SHOWN} before`) : undefined;
  byId('findings').innerHTML =
    findings.length === 0 ? '' : join([element('h2', {}, 'What happened'), ...findings.slice(0, FINDINGS_SHOWN).map(note), more]).markup;
}

/** The plan and the settings of one run: replaced only when they are others, so that a reader keeps his place in them. */
function showDetails(shown: readonly RunFeed[]): void {
  const facts = shown.length === 1 ? shown[0]!.facts : undefined;
  if (facts === detailed) return;
  detailed = facts;
  byId('details').innerHTML = facts?.sections ?? '';
}

function statusOf(runs: readonly LiveRun[]): string {
  const held = runs.filter(({ isHeld }) => isHeld).length;
  if (runs.length === 0) return 'no runs yet';
  return held === 0 ? 'no run is in training' : `${held} of ${runs.length} in training`;
}

/** Asks what is new and shows it; milliseconds until the next time. */
async function lookOnce(): Promise<number> {
  try {
    const runs = await ask<Runs>('runs');
    const names = shownOf(runs);
    before = names;
    const shown: RunFeed[] = [];
    let isNew = false;
    for (const name of names) {
      const feed = feeds.get(name) ?? new RunFeed(name);
      feeds.set(name, feed);
      isNew = (await feed.hear()) || isNew;
      shown.push(feed);
    }
    const last = listed;
    showList(runs, names);
    if (isNew || last !== listed) showResults(shown);
    showDetails(shown);
    status.textContent = statusOf(runs.runs);
    document.title = shown.length === 1 ? `ampc: ${shown[0]!.name}` : 'ampc: runs';
    silences = 0;
    return shown.some(({ isHeld }) => isHeld) ? GOING_ON_MS : AT_REST_MS;
  } catch (error) {
    const why = error instanceof TypeError ? 'ampc does not answer any more; the page shows what it heard last' : (error as Error).message;
    status.textContent = why;
    silences += 1;
    return SILENT_MS[Math.min(silences, SILENT_MS.length) - 1]!;
  }
}

let looking: Promise<number> | undefined;

/** A page that nobody sees asks nothing. */
async function look(): Promise<void> {
  clearTimeout(timer);
  await looking;
  looking = lookOnce();
  const pause = await looking;
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(() => void look(), pause);
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) clearTimeout(timer);
  else void look();
});
void look();
