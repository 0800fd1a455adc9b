import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { exportWeb } from '../../src/exporting/web/export.js';
import { findChromium } from '../support/chromium.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, type Workspace } from '../support/tiny.js';
import { expectedOf, FACTS, networkOf } from './networks.js';

/** The title of the page once it begins with DONE, as the browser tells it on loopback. */
async function finalTitle(profile: string): Promise<string> {
  for (;;) {
    await pause(100);
    const file = `${profile}/DevToolsActivePort`;
    const port = existsSync(file) ? readFileSync(file, 'utf8').split('\n')[0] : '';
    if (port === '') continue;
    const pages = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as readonly { readonly title: string }[];
    const done = pages.find(({ title }) => title.startsWith('DONE'));
    if (done !== undefined) return done.title.slice('DONE'.length);
  }
}

describe('a page in a browser', () => {
  let work: Workspace;
  let browser: ChildProcess | undefined;
  const chromium = findChromium();

  before(function () {
    if (chromium === undefined) skip(this, 'no chromium on the PATH');
    work = makeWorkspace();
  });

  after(async () => {
    if (browser !== undefined && browser.exitCode === null) {
      const ended = new Promise((resolve) => browser!.once('exit', resolve));
      browser.kill('SIGKILL');
      await ended;
    }
    work?.remove();
  });

  it('classifies a picture from the disk, on a GPU in software', async () => {
    const net = await networkOf('small', 'fp32');
    const { images, logits } = expectedOf(net);
    const picture = await sharp(images.subarray(0, 3072), { raw: { width: 32, height: 32, channels: 3 } })
      .png()
      .toBuffer();
    const script = `<script>
const bytes = Uint8Array.from(atob('${picture.toString('base64')}'), (character) => character.charCodeAt(0));
classify(new Blob([bytes], { type: 'image/png' })).then(() => {
  const rows = [...document.querySelectorAll('tr')].map((row) => [row.cells[0].textContent, row.cells[2].textContent]);
  document.title = 'DONE' + encodeURIComponent(JSON.stringify(failure.textContent || rows));
});
</script>`;
    const page = exportWeb(net.graph, net.states, FACTS)['index.html']!.replace('</body>', `${script}</body>`);
    const flags = ['--headless', '--no-sandbox', '--enable-unsafe-webgpu', '--remote-debugging-port=0', '--no-first-run'];
    const url = pathToFileURL(work.file('page.html', page)).href;
    browser = spawn(chromium!, [...flags, `--user-data-dir=${work.path('profile')}`, url], { stdio: 'ignore' });
    const shown = JSON.parse(decodeURIComponent(await finalTitle(work.path('profile')))) as readonly (readonly [string, string])[] | string;

    const powers = Array.from(logits.subarray(0, 10), (value) => Math.exp(value));
    const sum = powers.reduce((a, b) => a + b, 0);
    const ranked = powers.map((power, label) => [FACTS.classes[label]!, power / sum] as const).sort(([, a], [, b]) => b - a);
    assert.deepEqual(
      shown,
      ranked.slice(0, 5).map(([name, share]) => [name, `${(100 * share).toFixed(2)} %`]),
    );
  });
});
