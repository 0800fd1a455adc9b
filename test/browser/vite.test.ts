import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { bundle } from '../../scripts/bundle.js';
import { findChromium } from '../support/chromium.js';
import { servePages } from '../support/page-server.js';
import { skip } from '../support/skip.js';
import { useTiny } from '../support/tiny.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const MAIN = `import { train } from 'ampc';

const text = \`dataset shapes(images: 10, size: 16)
model Net(image: [16, 16, 3]) -> [10] { image |> avg_pool2d(8) |> flatten |> linear(10) }
precision { compute fp16 }
train { loss cross_entropy  optimizer sgd(lr: 0.1)  batch 5  epochs 1  seed 0 }
\`;

const run: Promise<unknown> = train({ path: 'net.amp', text }, { backend: 'reference' });
const told = run.then((outcome) => 'trained ' + (outcome as { steps: number }).steps, (error: Error) => error.message);
told.then((text) => { document.title = text; });
`;

describe("a project of Vite's, as it is made, with ampc in it", () => {
  const work = useTiny();
  let browser: Browser | undefined;
  let server: Awaited<ReturnType<typeof servePages>> | undefined;

  before(async function () {
    const program = findChromium();
    if (program === undefined) skip(this, 'no chromium on the PATH');
    browser = await chromium.launch({ executablePath: program!, args: ['--no-sandbox'] });
  });

  after(async () => {
    await browser?.close();
    server?.close();
  });

  it('builds, and trains in its page', async function () {
    const { build } = await import('vite').catch(() => skip(this, 'the package vite is not installed'));
    const root = work.path('project');
    const installed = join(root, 'node_modules/ampc');
    mkdirSync(installed, { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(installed, 'package.json'));
    await bundle({ ampc: join(ROOT, 'src/browser.ts') }, { outdir: join(installed, 'dist/browser'), write: true });
    writeFileSync(join(root, 'package.json'), '{ "name": "project", "private": true, "type": "module" }');
    writeFileSync(join(root, 'index.html'), '<!doctype html><title>waiting</title><script type="module" src="/main.ts"></script>');
    writeFileSync(join(root, 'main.ts'), MAIN);
    await build({ root, logLevel: 'error', configFile: false });
    server = await servePages((path) => (existsSync(join(root, 'dist', path)) ? readFileSync(join(root, 'dist', path)) : undefined));
    const page = await browser!.newPage();
    const said: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(String(error)));
    await page.goto(server.url);
    await page.waitForFunction('document.title !== "waiting"');
    assert.equal(await page.title(), 'trained 2');
    assert.deepEqual(said, []);
  });
});
