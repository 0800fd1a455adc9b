import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { exportWeb } from '../../src/exporting/web/export.js';
import type { PrecisionName } from '../../src/ir/types.js';
import { chromiumWithF16, findChromium } from '../support/chromium.js';
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

describe('a page in a browser', function () {
  this.timeout(240_000);
  let work: Workspace;
  let browser: ChildProcess | undefined;
  const chromium = findChromium();

  before(function () {
    if (chromium === undefined) skip(this, 'no chromium on the PATH');
    work = makeWorkspace();
  });

  const close = async () => {
    if (browser !== undefined && browser.exitCode === null && browser.signalCode === null) {
      const ended = new Promise((resolve) => browser!.once('exit', resolve));
      browser.kill('SIGKILL');
      await ended;
    }
    browser = undefined;
  };

  afterEach(close);

  after(() => work?.remove());

  /** The names and shares of the most probable classes, as the page shows them; or what it says instead. */
  async function shownBy(program: string, precision: PrecisionName): Promise<readonly (readonly [string, string])[] | string> {
    const net = await networkOf('small', precision);
    const { images } = expectedOf(net);
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
    const url = pathToFileURL(work.file(`${precision}.html`, page)).href;
    const profile = work.path(`profile-${precision}`);
    browser = spawn(program, [...flags, `--user-data-dir=${profile}`, url], { stdio: 'ignore' });
    return JSON.parse(decodeURIComponent(await finalTitle(profile)));
  }

  async function expected(precision: PrecisionName): Promise<readonly (readonly [string, number])[]> {
    const { logits } = expectedOf(await networkOf('small', precision));
    const powers = Array.from(logits.subarray(0, 10), (value) => Math.exp(value));
    const sum = powers.reduce((a, b) => a + b, 0);
    const ranked = powers.map((power, label) => [FACTS.classes[label]!, power / sum] as const).sort(([, a], [, b]) => b - a);
    return ranked.slice(0, 5);
  }

  it('classifies a picture from the disk, on a GPU in software', async () => {
    assert.deepEqual(
      await shownBy(chromium!, 'fp32'),
      (await expected('fp32')).map(([name, share]) => [name, `${(100 * share).toFixed(2)} %`]),
    );
  });

  it('does so in fp16, where the GPU has it', async function () {
    const made = await chromiumWithF16(chromium!, work.path('chromium'));
    if ('why' in made) return skip(this, made.why);
    const shown = await shownBy(made.program, 'fp16');
    assert.ok(typeof shown !== 'string', String(shown));
    const wanted = await expected('fp16');
    assert.deepEqual(
      shown.map(([name]) => name),
      wanted.map(([name]) => name),
    );
    // Exponentials of logits that are rounded to 11 bits.
    for (const [index, [, share]] of shown.entries()) {
      const difference = Math.abs(Number.parseFloat(share) / 100 - wanted[index]![1]);
      assert.ok(difference < 0.005, `${shown} and ${wanted}`);
    }
  });
});
