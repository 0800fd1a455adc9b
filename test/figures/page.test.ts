import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { findChromium } from '../support/chromium.js';
import { ampc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { useTiny } from '../support/tiny.js';

const NET = `dataset cifar10 { normalize(mean: 0.5, std: 0.5) }
model Net(image: [32, 32, 3]) -> [10] {
  image |> conv2d(4, kernel: 3, stride: 4) as conv |> batch_norm as bn |> relu |> global_avg_pool |> linear(10) as fc
}
precision { compute fp16 }
train { loss cross_entropy  optimizer adam(lr: 1e-2)  batch 8  epochs 2  seed 0 }
`;

/** An expression: what of a page is laid out wrongly. */
const FAULTS_OF_LAYOUT = readFileSync(new URL('faults-of-layout.js', import.meta.url), 'utf8');

describe('the page of a report in a browser', () => {
  const work = useTiny();
  const program = findChromium();
  let browser: Browser | undefined;
  let pages: readonly string[];

  before(async function () {
    if (program === undefined) skip(this, 'no chromium on the PATH');
    const net = work.file('net.amp', NET);
    const call = async (...args: readonly string[]) => {
      const { code, stderr } = await ampc(...args);
      assert.equal(code, 0, stderr);
    };
    for (const name of ['one', 'two'])
      await call(...work.args('train', net, '--out', work.path(name), '--seed', String(name.length + name.charCodeAt(0))));
    await call(...work.args('report', work.path('one'), '--out', work.path('one.html')));
    await call('report', work.path('one'), work.path('two'), '--out', work.path('both.html'));
    pages = ['one.html', 'both.html'].map((name) => pathToFileURL(work.path(name)).href);
    browser = await chromium.launch({ executablePath: program!, args: ['--no-sandbox'] });
  });

  after(async () => {
    await browser?.close();
  });

  for (const colorScheme of ['light', 'dark'] as const)
    for (const width of [1280, 390])
      it(`has nothing cut off or on top of each other, ${width} pixels wide, ${colorScheme}, and asks for nothing else`, async () => {
        for (const url of pages) {
          const context = await browser!.newContext({ colorScheme, viewport: { width, height: 900 } });
          const page = await context.newPage();
          const said: string[] = [];
          const asked: string[] = [];
          page.on('console', (message) => said.push(message.text()));
          page.on('pageerror', (error) => said.push(String(error)));
          page.on('request', (request) => asked.push(request.url()));
          await page.goto(url);
          assert.deepEqual(await page.evaluate(FAULTS_OF_LAYOUT), []);
          const ground = await page.evaluate('getComputedStyle(document.body).backgroundColor');
          assert.equal(ground, colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(22, 24, 28)');
          assert.deepEqual(said, []);
          assert.deepEqual(
            asked.filter((address) => !address.startsWith('data:')),
            [url],
          );
          await context.close();
        }
      });
});
