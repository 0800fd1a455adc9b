/**
 * What somebody waits for who opens the playground: until the editor and the plan's picture are there, and after each switch until the next
 * picture is; and what a live page costs a run (bench/live-page.ts). Medians, beside the goals. Needs chromium on the PATH.
 *
 *   npx tsx bench/playground.ts
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { buildPlayground } from '../scripts/build-playground.js';
import { servePlayground } from '../src/index.js';
import { findChromium } from '../test/support/chromium.js';
import { measureLivePage } from './live-page.js';
import { median } from './statistics.js';

const ROUNDS = 5;
const LOAD_GOAL_MS = 1500;
const SWITCH_GOALS_MS = { 'SimpleCNN on CIFAR-10': 100, 'ResNet-18': 500 } as const;
/** What is chosen in a round besides its batch, which is another each time: the page remembers the last few plans. */
const CHOICES = { policy: 'autocast', precision: 'fp32' } as const;
const SWITCHES = ['batch', 'policy', 'precision'] as const;

/** In the page: the moment at which what is shown now is drawn, by its clock, which begins as somebody goes there. */
const DRAWN = 'new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))';

function say(what: string, times: readonly number[], goal: number): void {
  const all = times.map((time) => time.toFixed(0)).join(' ');
  console.log(`| ${what} | ${median(times).toFixed(0)} ms | ${goal} ms | ${all} |`);
}

/** A new window of Chromium loads pages of its own, which take a processor for a second or two: nobody waits for those. */
const WINDOW_MS = 3000;

interface Opened {
  readonly page: Page;
  /** Until the editor is there beside the picture that comes with the page. */
  readonly shownMs: number;
  /** Until the compiler in the page has planned what is in the editor, and that is drawn. */
  readonly plannedMs: number;
}

async function open(browser: Browser, url: string): Promise<Opened> {
  // A context of its own has nothing in its cache.
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
  await new Promise((done) => setTimeout(done, WINDOW_MS));
  await page.goto(url, { waitUntil: 'commit' });
  await page.waitForSelector('.cm-content');
  await page.waitForSelector('#plan svg');
  const shownMs = await page.evaluate<number>(DRAWN);
  await page.waitForSelector('body[data-planned]', { state: 'attached' });
  return { page, shownMs, plannedMs: await page.evaluate<number>(DRAWN) };
}

/** Milliseconds from the change of a control of the page until the next plan is drawn. */
function switched(page: Page, id: string, value: string): Promise<number> {
  return page.evaluate<number>(`(async () => {
    const control = document.getElementById(${JSON.stringify(id)});
    const planned = new Promise((resolve) => new MutationObserver((_, observer) => (observer.disconnect(), resolve()))
      .observe(document.body, { attributeFilter: ['data-planned'] }));
    const began = performance.now();
    control.value = ${JSON.stringify(value)};
    control.dispatchEvent(new Event('change'));
    await planned;
    return (await ${DRAWN}) - began;
  })()`);
}

async function measureSwitches(page: Page, program: keyof typeof SWITCH_GOALS_MS): Promise<void> {
  await switched(page, 'example', program);
  const times: Record<(typeof SWITCHES)[number], number[]> = { batch: [], policy: [], precision: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    times.batch.push(await switched(page, 'batch', String(16 + 8 * round)));
    for (const id of ['policy', 'precision'] as const) {
      times[id].push(await switched(page, id, CHOICES[id]));
      await switched(page, id, '');
    }
  }
  for (const id of SWITCHES) say(`${program}: another ${id}`, times[id], SWITCH_GOALS_MS[program]);
}

const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores`;
const load = (): string => loadavg()[0]!.toFixed(1);
const program = findChromium();
if (program === undefined) throw new Error('no chromium on the PATH');
const folder = mkdtempSync(join(tmpdir(), 'ampc-playground-'));
await buildPlayground(folder);
const playground = await servePlayground(undefined, { folder });
const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
try {
  console.log(`${machine}; load ${load()} before`);
  console.log(`| | median of ${ROUNDS} | goal | all |\n| --- | ---: | ---: | ---: |`);
  const loads: Opened[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const opened = await open(browser, playground.url);
    loads.push(opened);
    await opened.page.context().close();
  }
  const times = (of: 'shownMs' | 'plannedMs') => loads.map((opened) => opened[of]);
  say('loaded: editor and picture', times('shownMs'), LOAD_GOAL_MS);
  say('loaded: planned by the page itself', times('plannedMs'), LOAD_GOAL_MS);
  for (const name of ['SimpleCNN on CIFAR-10', 'ResNet-18'] as const) {
    const { page } = await open(browser, playground.url);
    await measureSwitches(page, name);
    await page.context().close();
  }
} finally {
  await browser.close();
  await playground.close();
  rmSync(folder, { recursive: true, force: true });
}
const ratio = await measureLivePage({});
console.log(`a live page slows training by ${(100 * (ratio - 1)).toFixed(1)} % (goal: at most 1 %); load ${load()} after`);
