import assert from 'node:assert/strict';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { bundle } from '../../scripts/bundle.js';
import { train } from '../../src/index.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { chromiumWithF16, findChromium } from '../support/chromium.js';
import { servePages } from '../support/page-server.js';
import { skip } from '../support/skip.js';
import { useTiny } from '../support/tiny.js';
import { needAdapter } from '../webgpu/adapter.js';

const STEPS = 50;

const NET = `dataset shapes(images: 400)
model Net(image: [32, 32, 3]) -> [10] {
  image |> conv2d(8, kernel: 3, stride: 2) |> batch_norm |> relu |> max_pool2d(2) |> flatten |> linear(10)
}
precision { compute fp16 }
train { loss cross_entropy  optimizer adam(lr: 1e-3)  batch 8  epochs 1  seed 7 }
`;

const WORKER = `import { flushFiles, keepFiles, listFiles, readSafetensors, train } from './ampc.js';
self.onmessage = async ({ data: { text, options } }) => {
  try {
    await keepFiles('test');
    const losses = [];
    const onEvent = (event) => { if (event.event === 'step') losses.push(event.loss); };
    const outcome = await train({ path: 'net.amp', text }, { ...options, onEvent, out: '/runs/one' });
    await flushFiles();
    const { tensors } = await readSafetensors('/runs/one/last.safetensors');
    const weights = [...tensors].map(([name, { data }]) => [name, [...data]]);
    self.postMessage({ losses, weights, files: listFiles('/runs/one'), accuracy: outcome.testAccuracy });
  } catch (error) { self.postMessage({ error: error.message + JSON.stringify(error.diagnostics ?? error.stack) }); }
};`;

const PAGE = '<!doctype html><title>ampc</title>';

interface Trained {
  readonly error?: string;
  readonly losses: readonly number[];
  readonly weights: readonly (readonly [string, readonly number[]])[];
  readonly accuracy: number;
  readonly files: readonly string[];
}

const OPTIONS = { backend: 'webgpu', maxSteps: STEPS, logEvery: 1 } as const;

describe('ampc in a browser', () => {
  const work = useTiny();
  let browser: Browser | undefined;
  let server: Awaited<ReturnType<typeof servePages>> | undefined;
  let page: Page;

  before(async function () {
    const program = findChromium();
    if (program === undefined) skip(this, 'no chromium on the PATH');
    await needAdapter(this);
    const made = await chromiumWithF16(program, work.path('chromium'));
    if ('why' in made) return skip(this, made.why);
    const { files } = await bundle({ ampc: fileURLToPath(new URL('../../src/browser.ts', import.meta.url)) });
    const scripts = new Map<string, Uint8Array | string>(files.map(({ path, bytes }) => [`/${basename(path)}`, bytes]));
    scripts.set('/worker.js', WORKER).set('/index.html', PAGE);
    server = await servePages((path) => scripts.get(path));
    browser = await chromium.launch({ executablePath: made.program, args: ['--no-sandbox', '--enable-unsafe-webgpu'] });
    page = await browser.newPage();
    await page.goto(server.url);
  });

  after(async () => {
    await browser?.close();
    server?.close();
  });

  it(`gives the losses of ${STEPS} steps in fp16, and the weights after them, that Node gives on the same adapter`, async () => {
    const here = (await page.evaluate(
      `new Promise((resolve) => {
        const worker = new Worker('worker.js', { type: 'module' });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => resolve({ error: event.message });
        worker.postMessage(${JSON.stringify({ text: NET, options: OPTIONS })});
      })`,
    )) as Trained;
    assert.equal(here.error, undefined);
    const losses: number[] = [];
    const run = work.path('run');
    const { testAccuracy } = await train(
      { path: 'net.amp', text: NET },
      {
        ...OPTIONS,
        out: run,
        onEvent: (event) => {
          if (event.event === 'step') losses.push(event.loss);
        },
      },
    );
    assert.equal(losses.length, STEPS);
    assert.deepEqual(here.losses, losses);
    const { tensors } = await readSafetensors(join(run, 'last.safetensors'));
    assert.deepEqual(new Map(here.weights), new Map([...tensors].map(([name, { data }]) => [name, [...data]])));
    assert.equal(here.accuracy, testAccuracy);
    assert.ok(here.files.includes('last.safetensors') && here.files.includes('metrics.jsonl'), here.files.join(' '));
  });
});
