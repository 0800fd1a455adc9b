import assert from 'node:assert/strict';
import { join } from 'node:path';
import { schemaProblem } from '../../src/files/schemas.js';
import type { EvaluationDetails } from '../../src/index.js';
import { ampc, startAmpc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { useTiny } from '../support/tiny.js';
import { COLOURS, painted, pictureFolder, put } from '../training/support/pictures.js';

interface EvalLine extends EvaluationDetails {
  readonly test_accuracy: number;
  readonly images: number;
}

function parsed({ code, stdout, stderr }: Awaited<ReturnType<typeof ampc>>): EvalLine {
  assert.equal(code, 0, stderr);
  const line: unknown = JSON.parse(stdout);
  assert.equal(schemaProblem('events', line), undefined);
  return line as EvalLine;
}

describe('ampc eval', () => {
  const work = useTiny();
  const run = () => work.path('run');

  before(async () => {
    const { code, stderr } = await ampc(...work.args('train', work.program, '--out', run()));
    assert.equal(code, 0, stderr);
  });

  it('says it in two lines, and with --report by class', async () => {
    const short = await startAmpc(work.args('eval', run())).result;
    assert.deepEqual([short.code, short.stderr], [0, '']);
    const lines =
      /^test accuracy .* 16 images\ntop-5 accuracy \d+\.\d\d %, macro F1 \d+\.\d\d %, expected calibration error \d+\.\d\d %\n$/;
    assert.match(short.stdout, lines);
    const { stdout } = await ampc(...work.args('eval', run(), '--report', '--worst', '3'));
    assert.ok(stdout.startsWith(short.stdout));
    assert.match(stdout, /\nclass +images +predicted +precision +recall +F1 +most often taken for\nclass0 +2 +\d+ /);
    assert.match(stdout, /\nmean +16 +16 /);
    assert.match(stdout, /\nconfusion matrix: .*\n +0 +1 .* 9\nclass0 0( +\d+){10}\n/);
    assert.match(stdout, /\nworst mistakes.*\nimage +label +probability +predicted +probability\n( *\d+ +class\d .*\n){3}$/);
  });

  it('has all of it in its JSON, in agreement with its accuracy', async () => {
    const line = parsed(await ampc(...work.args('eval', run(), '--json')));
    const right = line.confusion.reduce((sum, row, label) => sum + row[label]!, 0);
    assert.equal(right / 16, line.test_accuracy);
    const bins = line.calibration.reduce((sum, { images }) => sum + images, 0);
    const ofClasses = line.per_class.reduce((sum, { images }) => sum + images, 0);
    assert.deepEqual([bins, ofClasses, line.worst.length, line.per_class[3]?.name], [16, 16, 16 - right, 'class3']);
    assert.ok(line.worst.every(({ file }) => file === undefined));
    const none = parsed(await ampc(...work.args('eval', run(), '--json', '--worst', '0')));
    assert.deepEqual(none, { ...line, worst: [] });
  });

  it('finds the same on backends that compute whole series of batches', async () => {
    const [reference, cpu] = [
      parsed(await ampc(...work.args('eval', run(), '--json'))),
      parsed(await ampc('eval', run(), '--json', '--data', work.data, '--backend', 'cpu')),
    ];
    assert.deepEqual(cpu.confusion, reference.confusion);
    const mistakes = ({ worst }: EvalLine) => worst.map(({ index }) => index).sort((a, b) => a - b);
    assert.deepEqual(mistakes(cpu), mistakes(reference));
  });

  it('answers mistakes', async () => {
    const { code, stderr } = await ampc('eval', run(), '--worst', 'all');
    assert.equal(code, 2);
    assert.match(stderr, /A whole number of at least 0 .* is needed/);
  });
});

describe('ampc eval of pictures in files', () => {
  const work = useTiny(`dataset folder("photos") { size(6) normalize(mean: 0.5, std: 0.5) }
model Net(image: dataset.shape) -> [dataset.classes] { image |> flatten |> linear(dataset.classes) as fc }
precision { compute fp32 }
train { optimizer adam(lr: 0.01)  batch 4  epochs 3 }
`);
  const set = environment(['AMPC_CACHE']);

  it('names the files of the worst mistakes, with the probabilities of predict', async () => {
    set({ AMPC_CACHE: work.path('cache') });
    const photos = work.path('photos');
    await pictureFolder(photos);
    const odd = join(photos, 'test', 'dogs', 'a red one.png');
    put(photos, 'test/dogs/a red one.png', await painted({ colour: COLOURS.cats }).png().toBuffer());
    const [run, on] = [work.path('photos-run'), ['--backend', 'reference']];
    const trained = await ampc('train', work.program, '--out', run, ...on);
    assert.equal(trained.code, 0, trained.stderr);
    const line = parsed(await ampc('eval', run, '--json', ...on));
    assert.deepEqual(line.confusion, [
      [2, 0],
      [1, 2],
    ]);
    assert.equal(line.top5, null);
    const [worst] = line.worst;
    assert.deepEqual([worst?.file, worst?.label, worst?.predicted, line.worst.length], [odd, 1, 0, 1]);
    const predicted = JSON.parse((await ampc('predict', run, odd, '--json', ...on)).stdout);
    assert.equal(predicted.top[0].name, 'cats');
    assert.ok(Math.abs(predicted.top[0].probability - worst!.probability) < 1e-6);
    const { stdout } = await ampc('eval', run, '--report', ...on);
    assert.match(stdout, /\nimage +label +probability +predicted +probability +file\n +\d +dogs .* cats .* \S*a red one\.png\n$/);
  });

  it('tests on other pictures, whose classes are matched by name', async () => {
    set({ AMPC_CACHE: work.path('cache') });
    const [run, on] = [work.path('photos-run'), ['--backend', 'reference', '--json']];
    const own = parsed(await ampc('eval', run, ...on));
    const again = parsed(await ampc('eval', run, '--data-set', `folder("${work.path('photos')}")`, ...on));
    assert.deepEqual({ ...again, data_set: undefined }, { ...own, data_set: undefined });
    // One tree, not divided, in which one class is missing and the other comes first.
    const other = work.path('other');
    for (const name of ['1.png', '2.png', '3.png']) put(other, `dogs/${name}`, await painted({ colour: COLOURS.dogs }).png().toBuffer());
    put(other, 'dogs/4.png', await painted({ colour: COLOURS.cats }).png().toBuffer());
    const line = parsed(await ampc('eval', run, '--data-set', other, ...on));
    assert.deepEqual(line.confusion, [
      [0, 0],
      [1, 3],
    ]);
    assert.deepEqual([line.images, line.worst[0]?.file], [4, join(other, 'dogs', '4.png')]);
    const { stdout } = await ampc('eval', run, '--data-set', other, '--backend', 'reference');
    assert.match(stdout, /^test accuracy 75\.00 %, test loss \d\.\d{4}, 4 images of folder\(".*other"\)\n/);
  });

  it('refuses other data that does not fit, with both lists of classes, and what is no data set', async () => {
    const [run, on] = [work.path('photos-run'), ['--backend', 'reference']];
    const foreign = work.path('foreign');
    put(foreign, 'cows/1.png', await painted({ colour: COLOURS.cats }).png().toBuffer());
    put(foreign, 'dogs/1.png', await painted({ colour: COLOURS.dogs }).png().toBuffer());
    const refused = await ampc('eval', run, '--data-set', foreign, ...on);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /AMP7017\]: the classes of folder\(".*foreign"\) are not those of the model/);
    assert.match(refused.stderr, /why: it has cows, dogs; the model was trained for cats, dogs\n = fix: cows is no class of the model/);
    const missing = await ampc('eval', run, '--data-set', 'folder("nowhere")', ...on);
    assert.match(
      missing.stderr,
      /AMP7016\]: nowhere is not there\n = why: paths are taken from the working folder\n = fix: check the path/,
    );
    const unknown = await ampc('eval', run, '--data-set', 'folders("x")', ...on);
    assert.match(unknown.stderr, /AMP4006\]: unknown data set `folders`[\s\S]*--data-set:1:9/);
    for (const [text, message] of [
      [
        'nix',
        /--data-set nix is no data set\n.*there is no folder or file there, and no data set is known by that name\n.*folder\("photos"\)/,
      ],
      ['cifra10', /--data-set cifra10 is no data set\n.*\n.*did you mean `cifar10`\?/],
      [work.program, /tiny\.amp is no data set\n.*a \.amp file is a program, and has no images/],
      [' ', /--data-set '' is no data set\n.*it is empty/],
    ] as const) {
      const { code, stderr } = await ampc('eval', run, '--data-set', text, ...on);
      assert.equal(code, 1);
      assert.match(stderr, /^error\[AMP7022\]/);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /-->|dataset /);
    }
    const flat = await ampc('eval', run, '--data-set', 'mnist', ...on, '--data', work.path('nowhere'));
    assert.match(flat.stderr, /AMP7001|AMP7006/);
  });
});
