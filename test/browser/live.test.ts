import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { request } from 'node:http';
import { type Browser, chromium, type Page } from 'playwright-core';
import { buildLivePage } from '../../scripts/build-playground.js';
import { type LiveEvents, type LiveFacts, type LiveRun, LiveRuns } from '../../src/api/live/live-runs.js';
import { type LivePage, serveRuns, train } from '../../src/index.js';
import { RunLock } from '../../src/training/run-lock.js';
import { findChromium } from '../support/chromium.js';
import { skip } from '../support/skip.js';
import { useTiny } from '../support/tiny.js';
import { askedElsewhere, type WatchedPage, watchedPage } from '../support/watched-page.js';

/** An expression: what of a page is laid out wrongly. */
const FAULTS_OF_LAYOUT = readFileSync(new URL('../figures/faults-of-layout.js', import.meta.url), 'utf8');

const NET = `dataset shapes(images: 160, size: 16)
model Net(image: [16, 16, 3]) -> [10] {
  image |> conv2d(8, kernel: 3, stride: 2) as conv1 |> relu |> flatten |> linear(10) as head
}
precision { compute fp16 }
train { loss cross_entropy  optimizer adam(lr: 1e-3)  batch 8  epochs 2  seed 7 }
`;

/** The status of an answer to a request with these headers, which `fetch` would not send. */
function statusFor(url: string, headers: Readonly<Record<string, string>>, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { ...headers }, method }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

describe('the live page', () => {
  const work = useTiny();
  const folder = work.path('page');
  const runs = work.path('all runs');
  let live: LivePage;
  let stopped: string;

  before(async () => {
    await buildLivePage(folder);
    const file = work.file('net.amp', NET);
    stopped = `${runs}/stopped`;
    await train(file, { backend: 'reference', out: stopped, maxSteps: 3, logEvery: 1 });
    live = await serveRuns(stopped, { folder });
  });

  after(() => live.close());

  const read = (path: string) => fetch(`${live.url}${path}`);
  const json = async <T>(path: string): Promise<T> => (await (await read(path)).json()) as T;

  describe('its server', () => {
    it('lists the runs beside the one that it was given, and tells what each says of itself', async () => {
      const { dir, first, runs: listed } = await json<{ dir: string; first: string; runs: readonly LiveRun[] }>('runs');
      assert.deepEqual([dir, first, listed.map(({ name, isHeld }) => [name, isHeld])], [runs, 'stopped', [['stopped', false]]]);
      const facts = await json<LiveFacts>('facts?run=stopped');
      assert.equal(facts.summary.model, 'Net');
      assert.equal(facts.epochSteps, 20);
      assert.match(facts.sections, /<section id="plan">[\s\S]*conv1[\s\S]*<section id="settings">/);
    });

    it('tells events from a byte on, whole lines alone, and from the beginning where the file is another one', async () => {
      const metrics = readFileSync(`${stopped}/metrics.jsonl`, 'utf8');
      const all = await json<LiveEvents>('events?run=stopped&from=0&file=');
      assert.equal(all.lines, metrics);
      assert.deepEqual([all.next, all.isHeld, all.isMore], [Buffer.byteLength(metrics), false, false]);
      const rest = await json<LiveEvents>(`events?run=stopped&from=${all.next}&file=${all.file}`);
      assert.deepEqual([rest.lines, rest.next], ['', all.next]);
      assert.equal((await json<LiveEvents>(`events?run=stopped&from=${all.next}&file=1${all.file}`)).lines, metrics);
      assert.equal((await json<LiveEvents>(`events?run=stopped&from=${all.next + 1}&file=${all.file}`)).lines, metrics);
      assert.equal((await read('events?run=stopped&from=-1')).status, 400);
    });

    it('answers nobody who does not know the address, who comes from another site, or who asks for something else', async () => {
      const { port, host } = new URL(live.url);
      const all = `http://127.0.0.1:${port}`;
      const secret = new URL(live.url).pathname;
      for (const path of ['/', '/runs', `${secret.slice(0, -2)}x/runs`, `/${'0'.repeat(32)}/runs`])
        assert.equal(await statusFor(`${all}${path}`, {}), 404, path);
      assert.equal(await statusFor(`${live.url}runs`, { host: `evil.example:${port}` }), 403);
      assert.equal(await statusFor(`${live.url}runs`, { origin: 'http://evil.example' }), 403);
      assert.equal(await statusFor(`${live.url}runs`, { 'sec-fetch-site': 'cross-site' }), 403);
      assert.equal(await statusFor(`${live.url}runs`, { origin: `http://${host}`, 'sec-fetch-site': 'same-origin' }), 200);
      assert.equal(await statusFor(`${live.url}runs`, {}, 'POST'), 405);
      for (const run of ['..', '../..', 'stopped/..', '', '.', '/etc', 'no such run', 'stopped/../stopped'])
        assert.equal((await read(`facts?run=${encodeURIComponent(run)}`)).status, 404, run);
      for (const path of ['live.ts', '..%2fnet.amp', 'runs/more']) assert.equal((await read(path)).status, 404, path);
    });

    it('says in one line that a port is taken, that there is no such folder, and that the page was not built', async () => {
      const port = Number(new URL(live.url).port);
      await assert.rejects(serveRuns(runs, { folder, port }), /AMP6063|another program listens there|cannot be had/);
      await assert.rejects(serveRuns(work.path('nothing'), { folder }), /there is no folder/);
      await assert.rejects(serveRuns(runs, { folder: work.path('nothing') }), /the live page is not built/);
    });
  });

  it('looks again only at what has changed, so that a page that is left open costs next to nothing', async () => {
    const many = work.path('many');
    for (const name of ['a', 'b', 'c/d']) cpSync(stopped, `${many}/${name}`, { recursive: true });
    const isOld = (...folders: readonly string[]) => {
      for (const folder of folders) utimesSync(folder, new Date(0), new Date(0));
    };
    const all = ['', '/a', '/b', '/c', '/c/d'].map((name) => many + name);
    isOld(...all);
    const live = new LiveRuns();
    const names = async () => (await live.in(many)).map(({ name, isHeld }) => `${name}${isHeld ? ', held' : ''}`);
    assert.deepEqual(await names(), ['a', 'b', 'c/d']);
    assert.equal(live.known.reads, all.length);
    for (let times = 0; times < 3; times += 1) assert.deepEqual(await names(), ['a', 'b', 'c/d']);
    assert.equal(live.known.reads, all.length);

    const lock = await RunLock.take(`${many}/b`);
    assert.deepEqual(await names(), ['a', 'b, held', 'c/d']);
    await lock.release();
    assert.deepEqual(await names(), ['a', 'b', 'c/d']);
    const before = live.known.reads;
    cpSync(stopped, `${many}/c/e`, { recursive: true });
    assert.deepEqual(await names(), ['a', 'b', 'c/d', 'c/e']);
    rmSync(`${many}/a`, { recursive: true });
    assert.deepEqual(await names(), ['b', 'c/d', 'c/e']);
    assert.ok(live.known.reads > before);
  });

  describe('in a browser', () => {
    let browser: Browser;
    let page: Page;
    let watched: WatchedPage;

    before(async function () {
      const program = findChromium();
      if (program === undefined) return skip(this, 'no chromium on the PATH');
      browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
      watched = await watchedPage(browser);
      page = watched.page;
      await page.goto(live.url);
      await page.waitForSelector('#results .fact');
    });

    after(() => browser?.close());

    const facts = async () => {
      const shown = await page.locator('#results .fact').allTextContents();
      return shown.join('\n');
    };

    it('shows what a report shows of a run: results, curves, the plan, settings', async () => {
      assert.match(await facts(), /interrupted|complete/);
      assert.deepEqual(await page.locator('#shown h2').allTextContents(), ['Summary', 'Curves', 'Plan', 'Settings']);
      assert.ok((await page.locator('#results svg').count()) >= 2);
      assert.match((await page.textContent('#status'))!, /no run is in training/);
    });

    it('follows a run that begins, step by step, to its end', async () => {
      let goOn = (): void => undefined;
      const pause = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      let began = (): void => undefined;
      const half = new Promise<void>((resolve) => {
        began = resolve;
      });
      const training = train(work.path('net.amp'), {
        backend: 'reference',
        out: `${runs}/second`,
        logEvery: 1,
        callbacks: [
          {
            onEpoch: async ({ epoch }) => {
              if (epoch !== 1) return;
              began();
              await pause;
            },
          },
        ],
      });
      await half;
      await page.getByLabel('second').waitFor();
      await page.getByText('1 of 2 in training').waitFor();
      await page.getByText('1 of 2', { exact: true }).waitFor();
      assert.match(await facts(), /loss of step 20[\s\S]*running/);
      goOn();
      const { testAccuracy } = await training;
      await page.locator('.fact').filter({ hasText: 'complete' }).waitFor();
      assert.ok((await facts()).includes(`${(100 * testAccuracy!).toFixed(2)} %`), await facts());
    });

    it('lays several runs over each other', async () => {
      await page.getByLabel('stopped').check();
      await page.getByLabel('second').check();
      await page.locator('#results table').waitFor();
      assert.deepEqual(await page.locator('#results tbody td:first-child').allTextContents(), ['second', 'stopped']);
      assert.match((await page.locator('#results svg').first().textContent())!, /second[\s\S]*stopped/);
      await page.getByLabel('second').uncheck();
      await page.getByLabel('stopped').uncheck();
      await page.getByText('No run is ticked.').waitFor();
      await page.getByLabel('second').check();
      await page.waitForSelector('#details #plan');
    });

    for (const colorScheme of ['light', 'dark'] as const)
      for (const width of [1280, 390])
        it(`has nothing cut off or on top of each other, ${width} pixels wide, ${colorScheme}`, async () => {
          await page.emulateMedia({ colorScheme });
          await page.setViewportSize({ width, height: 900 });
          assert.deepEqual(await page.evaluate(FAULTS_OF_LAYOUT), []);
        });

    it('asks nothing while nobody looks, and again when somebody does', async () => {
      await page.evaluate(`Object.defineProperty(document, 'hidden', { value: true, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'))`);
      // What was on its way comes to its end.
      await page.waitForLoadState('networkidle');
      const before = watched.asked.length;
      await page.waitForTimeout(6000);
      assert.equal(watched.asked.length, before);
      await page.evaluate(`delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))`);
      await page.waitForRequest(/\/runs/);
    });

    it('said nothing on the console, and asked nobody else for anything; then says that nobody answers any more', async () => {
      assert.deepEqual(watched.said, []);
      assert.deepEqual(askedElsewhere(watched, live.url), []);
      await live.close();
      await page.getByText('ampc does not answer any more').waitFor();
      assert.match(await facts(), /complete/);
    });
  });
});
