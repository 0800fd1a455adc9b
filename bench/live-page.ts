/**
 * What a live page costs a run: pairs of runs of the same file and seed, one with a client that asks the page's server all the time, as a
 * page that is seen does, one without; the order alternates. Prints the ratio of the medians of training's own seconds.
 *
 *   npx tsx bench/live-page.ts [FILE] [PAIRS] [STEPS]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildLivePage } from '../scripts/build-playground.js';
import { serveRuns, train } from '../src/index.js';
import { median } from './statistics.js';

/** Between two questions of a page: `GOING_ON_MS` of web/live.ts. */
const PAUSE_MS = 1000;

const [file = 'examples/quickstart.amp', pairs = '5', steps = '1500'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'ampc-live-'));

/** Seconds of the epoch's training, evaluation left out. */
async function seconds(out: string): Promise<number> {
  let began = 0;
  let last = 0;
  await train(file, {
    out,
    maxSteps: Number(steps),
    logEvery: 10,
    onEvent: ({ event }) => {
      if (event !== 'step') return;
      began ||= performance.now();
      last = performance.now();
    },
  });
  return (last - began) / 1000;
}

async function watched(out: string): Promise<number> {
  const page = await serveRuns(undefined, { folder: join(folder, 'page') });
  await page.show(folder);
  let [from, of] = [0, ''];
  const timer = setInterval(async () => {
    await (await fetch(`${page.url}runs`)).json();
    const words = new URLSearchParams({ run: out, from: String(from), file: of });
    const answer = await fetch(`${page.url}events?${words}`);
    if (answer.ok) ({ next: from, file: of } = (await answer.json()) as { next: number; file: string });
  }, PAUSE_MS);
  const taken = await seconds(join(folder, out));
  clearInterval(timer);
  await page.close();
  return taken;
}

try {
  await buildLivePage(join(folder, 'page'));
  const [alone, seen]: [number[], number[]] = [[], []];
  await seconds(join(folder, 'first'));
  for (let pair = 0; pair < Number(pairs); pair += 1)
    for (const isSeen of pair % 2 === 0 ? [true, false] : [false, true])
      if (isSeen) seen.push(await watched(`seen-${pair}`));
      else alone.push(await seconds(join(folder, `alone-${pair}`)));
  const list = (times: readonly number[]) => times.map((time) => time.toFixed(2)).join(' ');
  console.log(`${file}, ${steps} steps: with a page ${list(seen)} s, without ${list(alone)} s`);
  console.log(`ratio of the medians: ${(median(seen) / median(alone)).toFixed(4)}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
