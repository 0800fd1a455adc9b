import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { type Browser, chromium, type Page } from 'playwright-core';
import { buildPlayground } from '../../scripts/build-playground.js';
import { listClassFolders } from '../../src/datafiles/class-folders.js';
import { evaluate, type Playground, predict, servePlayground, train } from '../../src/index.js';
import { formatPercent } from '../../src/numeric/readable.js';
import { encodePng } from '../../src/training/data/picture.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { FIRST_PROGRAM } from '../../web/first-program.js';
import { pictureProgram } from '../../web/picture-program.js';
import { chromiumWithF16, findChromium } from '../support/chromium.js';
import { skip } from '../support/skip.js';
import { useTiny } from '../support/tiny.js';
import { askedElsewhere, type WatchedPage, watchedPage } from '../support/watched-page.js';
import { needAdapter } from '../webgpu/adapter.js';

const ON_FILES = `dataset cifar10 { normalize(mean: 0.5, std: 0.5) }
model Tiny(image: [32, 32, 3]) -> [10] { image |> avg_pool2d(8) |> flatten |> linear(10) as fc }
precision { compute fp16 }
train { loss cross_entropy  optimizer adam(lr: 1e-3)  batch 40  epochs 1  seed 0 }`;

const NET = `dataset shapes(images: 80, size: 16)
model Net(image: [16, 16, 3]) -> [10] {
  image |> conv2d(8, kernel: 3, stride: 2) as conv1 |> relu |> flatten |> linear(10) as head
}
precision { compute fp16 }
train { loss cross_entropy  optimizer adam(lr: 1e-3)  batch 8  epochs 1  seed 7 }
`;

const exampleOf = (name: string): string => readFileSync(new URL(`../../examples/precision/${name}.amp`, import.meta.url), 'utf8');
const BACKWARD = exampleOf('backward').replace('dataset shapes {', 'dataset shapes(images: 400) {');
const UNDERFLOW = exampleOf('underflow').replace('dataset shapes {', 'dataset shapes(images: 500) {').replace('epochs 8', 'epochs 1');

/** An expression: what of a page is laid out wrongly. */
const FAULTS_OF_LAYOUT = readFileSync(new URL('../figures/faults-of-layout.js', import.meta.url), 'utf8');

async function tensorsOf(path: string): Promise<readonly unknown[]> {
  const { tensors } = await readSafetensors(path);
  return [...tensors].map(([name, { shape, data }]) => [name, shape, [...data]]);
}

/** Waits for another plan than that which is shown. */
async function replanned(page: Page, change: () => Promise<void>): Promise<string> {
  const before = await page.getAttribute('body', 'data-planned');
  await change();
  await page.waitForSelector(`body[data-planned]:not([data-planned="${before}"])`);
  return (await page.textContent('#plan-status'))!;
}

/** Presses the button of a step of the story that is told. */
function guided(page: Page): (name: string) => Promise<void> {
  return (name) => page.locator('#guide').getByRole('button', { name }).click();
}

/** Writes another text into the editor, and waits for its plan. */
function rewritten(page: Page, text: string): Promise<string> {
  return replanned(page, async () => {
    await page.locator('.cm-content').click();
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText(text);
  });
}

/** Waits until a run that was begun just now has ended. */
async function trained(page: Page): Promise<void> {
  await page.waitForSelector('#start[disabled]');
  await page.waitForSelector('#start:not([disabled])');
}

describe('the playground', () => {
  const work = useTiny();
  let browser: Browser | undefined;
  let playground: Playground | undefined;
  let page: Page;
  let watched: WatchedPage;

  before(async function () {
    const program = findChromium();
    if (program === undefined) skip(this, 'no chromium on the PATH');
    await needAdapter(this);
    const made = await chromiumWithF16(program!, work.path('chromium'));
    if ('why' in made) return skip(this, made.why);
    const folder = work.path('playground');
    await buildPlayground(folder);
    playground = await servePlayground(work.file('net.amp', NET), { folder });
    browser = await chromium.launch({
      executablePath: made.program,
      args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
    });
    watched = await watchedPage(browser);
    page = watched.page;
    await page.goto(playground.url);
    await page.waitForSelector('body[data-planned]');
  });

  after(async () => {
    await browser?.close();
    await playground?.close();
  });

  it('plans the program that it was given, and tells of a layer what becomes of it, to the kernel', async () => {
    assert.match((await page.textContent('#plan-status'))!, /^Net: \d+ kernels and \d+ casts in a step/);
    await page.locator('.layer').filter({ hasText: 'conv1' }).click();
    await page.waitForSelector('#story:not([hidden])');
    const story = (await page.textContent('#story'))!;
    assert.match(story, /cast %conv1\.weight \{to="f16"\}/);
    assert.match(story, /@compute/);
    const ops = (await page.locator('#story .graph').textContent())!;
    for (const op of [/conv2d %\d+forward/, /conv2d_weight_grad %\d+backward/, /adam %\d+update/]) assert.match(ops, op);
    const [, update] = /adam (%\d+)update/.exec(ops)!;
    assert.ok(story.includes(`${update} = adam `), `${update} is not its name in the plan`);
    assert.match(ops, /f32 → f16, [\d.]+ (Ki)?B/);
    await page.getByText('C of its kernels').click();
    await page.getByText('C of kernel conv1', { exact: true }).waitFor();
    assert.match((await page.locator('.in-c pre').allTextContents()).join('\n'), /train_step: conv1 \(contraction\)[\s\S]*k_conv1_launch/);
    await page.waitForSelector('.hint-cast');
    const figures = await page.locator('#plan-figures figcaption').allTextContents();
    assert.deepEqual(
      figures.map((title) => title.split(' ')[0]),
      ['Memory', 'Time', 'Multiplications'],
    );
  });

  it('opens with a plan before any script has run, the one that the worker draws, and with none for a program that was given', async () => {
    const opened = await servePlayground(undefined, { folder: work.path('playground') });
    try {
      const still = await browser!.newPage({ javaScriptEnabled: false });
      await still.goto(opened.url);
      assert.match((await still.textContent('#plan'))!, /conv1[\s\S]*head/);
      assert.deepEqual(await still.evaluate(FAULTS_OF_LAYOUT), []);
      await still.close();
      const drawn = await page.evaluate<string>(`new Promise((resolve) => {
        const worker = new Worker('language-worker.js', { type: 'module' });
        worker.onmessage = ({ data }) => (worker.terminate(), resolve(data.result.picture.markup));
        worker.postMessage({ id: 0, name: 'plan', args: [${JSON.stringify(FIRST_PROGRAM)}, {}] });
      })`);
      const text = await (await fetch(opened.url)).text();
      assert.ok(text.includes(drawn), 'the picture in the page is another');
      assert.match(await (await fetch(playground!.url)).text(), /<div id="plan"><\/div>/);
    } finally {
      await opened.close();
    }
  });

  it('is reached by keyboard: every control, the editor, the layers', async () => {
    await page.focus('#example');
    const reached: string[] = [];
    while (reached.length < 30 && !reached.includes('layer')) {
      await page.keyboard.press('Tab');
      reached.push(await page.evaluate('document.activeElement.id || document.activeElement.classList[0] || ""'));
    }
    for (const control of ['precision', 'policy', 'batch', 'cm-content', 'start', 'backend', 'runs', 'data', 'graph'])
      assert.ok(reached.includes(control), `${control} is not among ${reached.join(' ')}`);
    await page.locator('#story').getByRole('button', { name: 'Close' }).click();
    await page.locator('.layer').first().press('Enter');
    await page.waitForSelector('#story:not([hidden])');
  });

  it('shows two plans side by side, and says how the second differs', async () => {
    await replanned(page, async () => void (await page.selectOption('#other', 'precision=fp32')));
    await page.waitForSelector('#difference:not([hidden])');
    const words = (await page.textContent('#difference'))!;
    for (const said of [/precision: fp16 becomes fp32/, /conv2d of conv1: .* → f16 becomes .* → f32/, /Casts that go: \d+.*conv1\.weight/])
      assert.match(words, said);
    assert.equal(await page.locator('#difference .graph svg').count(), 2);
    assert.deepEqual(await page.evaluate(FAULTS_OF_LAYOUT), []);
    await replanned(page, async () => void (await page.selectOption('#other', '')));
    await page.waitForSelector('#difference', { state: 'hidden' });
  });

  it('follows the text and the switches, and shows mistakes where they are', async () => {
    const inFp32 = await replanned(page, async () => void (await page.selectOption('#precision', 'fp32')));
    assert.match(inFp32, / 0 casts in a step/);
    await replanned(page, async () => void (await page.selectOption('#precision', '')));
    await page.locator('.cm-content').click();
    await page.keyboard.press('Control+End');
    await page.keyboard.type('model');
    await page.waitForSelector('.cm-lintRange-error, .cm-lint-marker-error');
    await page.waitForSelector('#plan.stale');
    const again = await replanned(page, async () => {
      for (let letter = 0; letter < 5; letter += 1) await page.keyboard.press('Backspace');
    });
    assert.match(again, /^Net: /);
  });

  it('trains in fp16 with the loss and the accuracy that Node comes to', async () => {
    await page.click('#start');
    await trained(page);
    const shown = await page.locator('#facts b').allTextContents();
    let last: number | null = null;
    const { testAccuracy } = await train(
      { path: 'net.amp', text: NET },
      {
        backend: 'webgpu',
        out: work.path('run'),
        logEvery: 1,
        onEvent: (event) => {
          if (event.event === 'step') last = event.loss;
        },
      },
    );
    assert.deepEqual(shown.slice(0, 4), ['10', last!.toFixed(4), '65536', '0']);
    assert.match((await page.textContent('#facts'))!, /\d+images a second/);
    assert.equal(shown[5], `${(100 * testAccuracy!).toFixed(1)} %`);
  });

  it('shows of a run what a report does: the test by class, mistakes with pictures, and what fp16 loses of the gradients', async () => {
    await page.waitForSelector('#test-result section');
    const titles = await page.locator('#curves figcaption').allTextContents();
    assert.deepEqual(titles.slice(0, 2), ['Loss', 'Accuracy']);
    const tested = (await evaluate(work.path('run'), { backend: 'webgpu' }))!;
    assert.match(
      (await page.textContent('#test-result'))!,
      new RegExp(`accuracy ${formatPercent(tested.accuracy!)}, loss ${tested.loss.toFixed(4)}`),
    );
    const cells = await page.locator('#test-result rect title').allTextContents();
    assert.equal(cells.length, tested.details!.confusion.flat().filter((count) => count > 0).length);
    assert.equal(await page.locator('#test-result .pictures img').count(), tested.details!.worst.length);
    await page.click('#gradients');
    await page.waitForSelector('#gradients-result section');
    const gradients = (await page.textContent('#gradients-result'))!;
    assert.match(gradients, /At loss scale 65,536[\s\S]*conv1[\s\S]*head/);
    assert.ok((await page.locator('#gradients-result rect').count()) > 10);
  });

  it('gives away the run, its weights and its report', async () => {
    const saved = async (id: string): Promise<Buffer> => {
      const [download] = await Promise.all([page.waitForEvent('download'), page.click(`#${id}`)]);
      return readFileSync(await download.path());
    };
    const weights = await saved('save-weights');
    const kept = work.path('weights.safetensors');
    writeFileSync(kept, weights);
    assert.deepEqual(await tensorsOf(kept), await tensorsOf(join(work.path('run'), 'last.safetensors')));
    const files = unzipSync(await saved('save-run'));
    assert.deepEqual(Buffer.from(files['last.safetensors']!), weights);
    assert.deepEqual(
      Object.keys(files).sort(),
      readdirSync(work.path('run'))
        .map((name) => name.replace('net.amp', 'playground.amp'))
        .sort(),
    );
    const report = (await saved('save-report')).toString();
    for (const said of [/^<!doctype html>/, /id="test"/, /id="plan"/, /id="filters"/, /<img src="data:image\/png/])
      assert.match(report, said);
  });

  it('says what a picture shows, one that is given and one of the camera, as Node does', async () => {
    const pixels = Uint8Array.from({ length: 16 * 16 * 3 }, (_, at) => (7 * at) % 256);
    const png = work.path('picture.png');
    writeFileSync(png, await encodePng(pixels, [16, 16, 3]));
    await page.setInputFiles('#pictures', png);
    await page.waitForSelector('#predictions img');
    const [found] = await predict(work.path('run'), [png], { backend: 'webgpu' });
    const words = found!.top.map(({ name, probability }) => `${name} ${formatPercent(probability)}`);
    assert.deepEqual(await page.locator('#predictions > div > div').allTextContents(), words);
    await page.click('#camera');
    await page.waitForSelector('#guess div');
    await page.click('#camera');
    await page.waitForSelector('#seen', { state: 'hidden' });
    assert.deepEqual(await page.evaluate(FAULTS_OF_LAYOUT), []);
  });

  it('finds the run again', async () => {
    await page.reload();
    await page.waitForSelector('body[data-planned]');
    await page.locator('#runs option').nth(1).waitFor({ state: 'attached' });
    assert.match((await page.locator('#runs option').nth(1).textContent())!, /^go on: Net/);
  });

  it('tells the story of an overflow step by step, and does each: trained, traced, pinned, trained', async () => {
    await replanned(page, async () => void (await page.selectOption('#example', 'an overflow forward')));
    const step = guided(page);
    await step('Train it');
    await trained(page);
    assert.match((await page.textContent('#curves'))!, /mul of energy .*reached [\d,]+, fp16 ends at 65,504/);
    assert.match((await page.textContent('#run-status'))!, /20 steps in a row were skipped/);
    await step('Show energy');
    await page
      .locator('#story h2')
      .filter({ hasText: /^energy, f16/ })
      .waitFor();
    await replanned(page, () => step('Pin energy to fp32'));
    await page
      .locator('#story h2')
      .filter({ hasText: /^energy, f32/ })
      .waitFor();
    assert.match((await page.textContent('.cm-content'))!, /keep energy in fp32/);
    await step('Train again');
    await page
      .locator('#facts .fact:first-child b')
      .filter({ hasText: /^(2[5-9]|[3-9]\d|\d{3,})$/ })
      .waitFor();
    const pause = async (): Promise<readonly [run: string, step: number]> => {
      await page.click('#pause');
      await page.waitForSelector('#start:not([disabled])');
      assert.match((await page.textContent('#run-status'))!, /^paused; the run is kept/);
      return [await page.inputValue('#runs'), Number(await page.textContent('#facts .fact:first-child b'))];
    };
    const [run, at] = await pause();
    assert.equal(await page.locator('#facts b').nth(3).textContent(), '0', 'no step is skipped');
    await page.click('#start');
    const reached = async () => Number(await page.textContent('#facts .fact:first-child b'));
    while ((await reached()) <= at) await page.waitForTimeout(50);
    assert.equal((await pause())[0], run, 'it is the run that goes on');
    await page.keyboard.press('Escape');
    await page.waitForSelector('#story', { state: 'hidden' });
    assert.deepEqual(await page.evaluate(FAULTS_OF_LAYOUT), []);
  });

  it('tells the story of an overflow backward to its end: one step lost, seen in the gradients, begun lower, none lost', async () => {
    await replanned(page, async () => void (await page.selectOption('#example', 'an overflow backward')));
    await rewritten(page, BACKWARD);
    const step = guided(page);
    const scaling = async () => (await page.locator('#facts b').allTextContents()).slice(2, 4);
    await step('Train it');
    await trained(page);
    assert.match((await page.textContent('#curves'))!, /step 1\b.*fp16 ends at 65,504/);
    assert.deepEqual(await scaling(), ['32768', '1']);
    await step('Gradients at 65,536');
    await page.locator('#gradients-result').getByText('At loss scale 65,536').waitFor();
    await replanned(page, () => step('Begin with 32,768'));
    await page.locator('#story h2').filter({ hasText: /^fc, / }).waitFor();
    assert.match((await page.textContent('.cm-content'))!, /loss_scale dynamic\(init: 32768\)/);
    await step('Train again');
    await trained(page);
    assert.deepEqual(await scaling(), ['32768', '0']);
    await page.locator('#guide li .done').nth(3).waitFor();
    assert.deepEqual(await page.evaluate(FAULTS_OF_LAYOUT), []);
  });

  it('tells the story of gradients that underflow: warned of, trained as if all were well, lost, and kept by a loss scale', async () => {
    await replanned(page, async () => void (await page.selectOption('#example', 'gradients that underflow')));
    await rewritten(page, UNDERFLOW);
    const step = guided(page);
    const scaling = async () => (await page.locator('#facts b').allTextContents()).slice(2, 4);
    /** Percent of the gradients of conv1 that become 0. */
    const lost = async (): Promise<number> => {
      const texts = await page.locator('#gradients-result text').allTextContents();
      const says = texts.find((text, index) => texts.slice(0, index).includes('conv1') && / lost$/.test(text));
      return says === 'none lost' ? 0 : Number.parseFloat(says!);
    };
    await replanned(page, () => step('Without a loss scale'));
    await page.waitForSelector('.cm-lintRange-warning, .cm-lint-marker-warning');
    await step('Train it');
    await trained(page);
    assert.deepEqual(await scaling(), ['1', '0'], 'nothing overflows');
    await step('Gradients');
    await page.locator('#gradients-result').getByText('At loss scale 1,').waitFor();
    const unscaled = await lost();
    await replanned(page, () => step('With a loss scale'));
    await step('Train again');
    await page.locator('#gradients-result').getByText('At loss scale 65,536').waitFor();
    const scaled = await lost();
    assert.ok(unscaled > 50 && scaled < 1, `${unscaled} % lost, and with a loss scale ${scaled}`);
    assert.deepEqual(await scaling(), ['65536', '0']);
    await page.locator('#guide li .done').nth(4).waitFor();
    assert.deepEqual(await page.evaluate(FAULTS_OF_LAYOUT), []);
    await page.selectOption('#example', 'the file that was given');
    await page.waitForSelector('#guide', { state: 'hidden' });
  });

  it('trains on the files of CIFAR-10 that it is given', async () => {
    const folder = join(work.data, 'cifar-10-batches-bin');
    await page.setInputFiles(
      '#data',
      readdirSync(folder).map((name) => join(folder, name)),
    );
    await page.getByText('7 files of CIFAR-10 kept here').waitFor();
    await rewritten(page, ON_FILES);
    await page.click('#start');
    await trained(page);
    assert.equal(await page.textContent('#run-status'), 'done; the run is kept');
    assert.equal(await page.locator('#facts b').first().textContent(), '2');
  });

  it('trains on a folder of pictures that it is given, a folder for each class, and finds it again', async () => {
    const folder = work.path('photos');
    for (const [name, [red, blue]] of Object.entries({ warm: [200, 40], cold: [40, 200] } as const)) {
      mkdirSync(join(folder, name), { recursive: true });
      for (let place = 0; place < 10; place += 1) {
        const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, (_, at) => [red, 9 * place, blue][at % 3]!);
        writeFileSync(join(folder, name, `${place}.png`), await encodePng(pixels, [32, 32, 3]));
      }
    }
    await replanned(page, () => page.setInputFiles('#folder', folder));
    assert.equal(await page.textContent('#run-status'), '20 pictures kept here, as folder("pictures/photos")');
    assert.match((await page.textContent('#plan-status'))!, /^Pictures: /);
    await rewritten(page, pictureProgram('pictures/photos', []).replace('epochs 10', 'epochs 1'));
    await page.click('#start');
    await page.waitForSelector('#test-result table');
    const { images } = listClassFolders(folder, { test: 0.2 });
    const said = (await page.textContent('#test-result'))!;
    assert.ok(said.includes(`${images.test.length} images: accuracy`), said);
    assert.match(said, /cold[\s\S]*warm/);
    await page.reload();
    await page.locator('#example option', { hasText: 'pictures/photos' }).waitFor({ state: 'attached' });
  });

  for (const colorScheme of ['light', 'dark'] as const)
    for (const width of [1280, 390])
      it(`has nothing cut off or on top of each other, ${width} pixels wide, ${colorScheme}`, async () => {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 900 });
        assert.deepEqual(await page.evaluate(FAULTS_OF_LAYOUT), []);
      });

  it('said nothing on the console, and asked nobody else for anything', () => {
    assert.deepEqual(watched.said, []);
    assert.deepEqual(askedElsewhere(watched, playground!.url), []);
  });

  it('is served to this machine alone, and no other file is', async () => {
    const { port } = new URL(playground!.url);
    const status = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
    assert.deepEqual(await Promise.all(['/main.js', '/..%2fnet.amp', '/missing.js'].map(status)), [200, 404, 404]);
    const posted = await fetch(playground!.url, { method: 'POST', body: '' });
    assert.equal(posted.status, 405);
  });
});
