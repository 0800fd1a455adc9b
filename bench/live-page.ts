/**
 * What a live page costs a run: pairs of runs of the same file and seed, one with a client that asks the page's server all the time, as a
 * page that is seen does, one without; the order alternates. Prints the ratio of the medians of training's own seconds.
 *
 *   npx tsx bench/live-page.ts [FILE] [PAIRS] [STEPS]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildLivePage } from '../scripts/build-playground.js';
import { serveRuns, train } from '../src/index.js';
import { median } from './statistics.js';

/** Between two questions of a page: `GOING_ON_MS` of web/live.ts. */
const PAUSE_MS = 1000;

export interface LivePageWork {
  readonly file?: string;
  readonly pairs?: number;
  readonly steps?: number;
}

/** Seconds of the epoch's training, evaluation left out. */
async function seconds(file: string, out: string, maxSteps: number): Promise<number> {
  let began = 0;
  let last = 0;
  await train(file, {
    out,
    maxSteps,
    logEvery: 10,
    onEvent: ({ event }) => {
      if (event !== 'step') return;
      began ||= performance.now();
      last = performance.now();
    },
  });
  return (last - began) / 1000;
}

/** As `work` trains, with a page of the runs in `folder` that asks for `out`. */
async function watched(folder: string, out: string, work: () => Promise<number>): Promise<number> {
  const page = await serveRuns(undefined, { folder: join(folder, 'page') });
  await page.show(folder);
  let [from, of] = [0, ''];
  const timer = setInterval(async () => {
    await (await fetch(`${page.url}runs`)).json();
    const words = new URLSearchParams({ run: out, from: String(from), file: of });
    const answer = await fetch(`${page.url}events?${words}`);
    if (answer.ok) ({ next: from, file: of } = (await answer.json()) as { next: number; file: string });
  }, PAUSE_MS);
  const taken = await work();
  clearInterval(timer);
  await page.close();
  return taken;
}

/** Prints the seconds of all runs, and resolves to the ratio of the medians, with a page to without one. */
export async function measureLivePage({ file = 'examples/quickstart.amp', pairs = 5, steps = 1500 }: LivePageWork): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'ampc-live-'));
  try {
    await buildLivePage(join(folder, 'page'));
    const [alone, seen]: [number[], number[]] = [[], []];
    const trained = (out: string) => seconds(file, join(folder, out), steps);
    await trained('first');
    for (let pair = 0; pair < pairs; pair += 1)
      for (const isSeen of pair % 2 === 0 ? [true, false] : [false, true])
        if (isSeen) seen.push(await watched(folder, `seen-${pair}`, () => trained(`seen-${pair}`)));
        else alone.push(await trained(`alone-${pair}`));
    const list = (times: readonly number[]) => times.map((time) => time.toFixed(2)).join(' ');
    console.log(`${file}, ${steps} steps: with a page ${list(seen)} s, without ${list(alone)} s`);
    return median(seen) / median(alone);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file, pairs, steps] = process.argv.slice(2);
  const work = { ...(file && { file }), ...(pairs && { pairs: Number(pairs) }), ...(steps && { steps: Number(steps) }) };
  console.log(`ratio of the medians: ${(await measureLivePage(work)).toFixed(4)}`);
}
