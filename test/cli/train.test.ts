import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { ampc, type CliResult, interruptedAt, startAmpc } from '../support/cli.js';
import { useTiny, writeTinyCifar } from '../support/tiny.js';

describe('ampc train, eval, predict, bench', () => {
  const work = useTiny();
  const { args, program: file } = work;

  function events(result: CliResult) {
    return result.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  }

  it('--json prints the lines of the contract and fills the run folder', async () => {
    const run = work.path('json');
    const result = await ampc(...args('train', file, '--out', run, '--json', '--log-every', '4'));
    assert.equal(result.code, 0, result.stderr);
    const lines = events(result);
    const [start] = lines;
    assert.deepEqual(Object.keys(start), ['event', 'model', 'backend', 'device', 'precision', 'parameters', 'run']);
    assert.deepEqual([start.model, start.backend, start.precision, start.parameters, start.run], ['Tiny', 'reference', 'fp16', 490, run]);
    assert.deepEqual(
      lines.map(({ event, step, epoch, steps }) => [event, step ?? epoch ?? steps]),
      // 80 images in batches of 8, two epochs.
      [
        ['start', undefined],
        ['step', 1],
        ['step', 4],
        ['step', 8],
        ['epoch', 1],
        ['step', 12],
        ['step', 16],
        ['step', 20],
        ['epoch', 2],
        ['done', 20],
      ],
    );
    const { loss, lr, loss_scale, skipped } = lines[1];
    assert.ok(loss > 0);
    assert.deepEqual([lr, loss_scale, skipped], [Math.fround(1e-3), 65536, false]);
    assert.match(result.stderr, /^epoch +train loss/m);
    assert.deepEqual(readdirSync(run).sort(), [
      'best.safetensors',
      'checkpoint.safetensors',
      'config.json',
      'last.safetensors',
      'metrics.jsonl',
      'plan.txt',
      'tiny.amp',
    ]);
    assert.equal(readFileSync(join(run, 'metrics.jsonl'), 'utf8'), result.stdout);
    assert.match(readFileSync(join(run, 'plan.txt'), 'utf8'), /^plan @Tiny/);

    const evaluated = await ampc(...args('eval', run, '--json'));
    const done = lines.at(-1);
    const last = lines.at(-2);
    const [{ event, test_accuracy, test_loss, images }] = events(evaluated) as [Record<string, unknown>];
    assert.deepEqual([event, test_accuracy, test_loss, images], ['eval', done.test_accuracy, last.test_loss, 16]);
    const weights = join(run, 'last.safetensors');
    assert.deepEqual(events(await ampc(...args('eval', file, '--weights', weights, '--json'))), events(evaluated));
  });

  it('prints plain lines and a table without a terminal', async () => {
    const { code, stdout, stderr } = await ampc(...args('train', file, '--out', work.path('plain'), '--epochs', '1', '--log-every', '5'));
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^Tiny: 490 parameters, fp16 on reference/);
    assert.match(stdout, /^epoch 1 {2}step 5 {2}loss \d/m);
    assert.match(stdout, /^epoch +train loss +test loss +test accuracy +images\/s +skipped +time\n +1 /m);
    assert.match(stdout, /10 steps in .*test accuracy/);
  });

  it('predicts a picture', async () => {
    const run = work.path('predict');
    await ampc(...args('train', file, '--out', run, '--max-steps', '1'));
    const picture = work.path('grey.png');
    await sharp({ create: { width: 40, height: 50, channels: 3, background: '#888888' } })
      .png()
      .toFile(picture);
    const { code, stdout, stderr } = await ampc(...args('predict', run, picture));
    assert.equal(code, 0, stderr);
    assert.match(stdout, /grey\.png: class\d \d+\.\d\d %/);
    const bad = await ampc(...args('predict', run, file, picture));
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /tiny\.amp cannot be read as a picture/);
    assert.match(bad.stdout, /^.*grey\.png: class\d \d+\.\d\d %.*\n$/, 'the other one is answered all the same');
    const json = await ampc(...args('predict', run, file, picture, '--json'));
    assert.deepEqual([json.code, events(json).map(({ path }) => path)], [1, [picture]]);
  });

  it('a run tells the names that it was trained with, and finds its data', async () => {
    const run = work.path('named');
    await ampc(...args('train', file, '--out', run, '--max-steps', '1'));
    const others = work.path('others');
    writeTinyCifar(others);
    writeFileSync(join(others, 'cifar-10-batches-bin', 'batches.meta.txt'), 'other\n'.repeat(10));
    const picture = work.path('named.png');
    await sharp({ create: { width: 32, height: 32, channels: 3, background: '#888888' } })
      .png()
      .toFile(picture);
    const found = await ampc('predict', run, picture, '--data', others);
    assert.match(found.stdout, /named\.png: class\d/, found.stderr);
    const own = await ampc('eval', run, '--json');
    assert.deepEqual([own.code, own.stdout], [0, (await ampc(...args('eval', run, '--json'))).stdout], own.stderr);
    assert.equal((await ampc('train', file, '--resume', run)).code, 0);
    // As a run of an older version has it.
    const config = join(run, 'config.json');
    const { classes: _classes, data: _data, ...older } = JSON.parse(readFileSync(config, 'utf8'));
    writeFileSync(config, JSON.stringify(older));
    const old = await ampc('predict', run, picture, '--data', others);
    assert.match(old.stdout, /named\.png: other/, old.stderr);
    assert.match(old.stderr, /does not say how its classes are called: the names are those of cifar10 in .*others/);
  });

  it('--max-steps holds for the resumed run too, until it has stopped there', async () => {
    const run = work.path('limited');
    const options = ['--json', '--log-every', '1', '--epochs', '100', '--max-steps', '400'];
    const limit = (): unknown => JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')).maxSteps;
    const stopped = await interruptedAt('"step":5,', args('train', file, '--out', run, ...options));
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.equal(events(await ampc(...args('train', file, '--resume', run, '--json'))).at(-1).steps, 400);
    const more = ['--resume', run, '--json', '--epochs', '41'];
    assert.equal(limit(), 400);
    const past = await ampc(...args('train', file, ...more));
    assert.equal(events(past).at(-1).steps, 410);
    assert.match(past.stderr, /^the run has taken the 400 steps of its --max-steps, and has no such limit any more$/m);
    assert.equal(limit(), undefined);
    const less = await ampc(...args('train', file, ...more, '--max-steps', '400'));
    assert.equal(less.code, 1);
    assert.match(less.stderr, /error\[AMP7212\]: nothing is left to train: the run has taken 410 steps, and is to stop after 400/);
    assert.equal(events(await ampc(...args('train', file, ...more))).at(-1).steps, 410);
  }).timeout(60_000);

  it('weights that do not fit leave no run folder', async () => {
    const run = work.path('unfit');
    const { code, stderr } = await ampc(...args('train', file, '--out', run, '--init', file));
    assert.equal(code, 1);
    assert.match(stderr, /tiny\.amp is neither safetensors nor a state dict of PyTorch\n/);
    assert.match(stderr, /it looks like a program of ampc/);
    assert.equal(existsSync(run), false);
  });

  it('--init starts from given weights, which eval and predict take too', async () => {
    const first = work.path('first');
    await ampc(...args('train', file, '--out', first, '--max-steps', '3'));
    const weights = join(first, 'last.safetensors');
    const second = work.path('second');
    const started = ['--out', second, '--init', weights, '--set', 'train.lr=0', '--max-steps', '1', '--precision', 'fp32'];
    assert.equal((await ampc(...args('train', file, ...started))).code, 0);
    assert.deepEqual(readFileSync(join(second, 'last.safetensors')), readFileSync(weights));
    const picture = work.path('init.jpg');
    await sharp({ create: { width: 32, height: 32, channels: 3, background: '#c04020' } })
      .jpeg()
      .toFile(picture);
    const prediction = await ampc(...args('predict', file, picture, '--weights', weights, '--json'));
    assert.equal(prediction.code, 0, prediction.stderr);
    assert.deepEqual(events(prediction), events(await ampc(...args('predict', first, picture, '--json'))));
  });

  it('--no-shuffle takes the images in order, so that the seed of equal weights changes nothing', async () => {
    const weights = join(work.path('ordered-0'), 'last.safetensors');
    await ampc(...args('train', file, '--out', work.path('ordered-0'), '--max-steps', '1'));
    const losses = async (seed: string, ...rest: readonly string[]) => {
      const run = ['--out', work.path(`ordered-${seed}-${rest.length}`), '--init', weights, '--seed', seed, '--log-every', '1', '--json'];
      const lines = events(await ampc(...args('train', file, ...run, '--max-steps', '4', ...rest)));
      return lines.filter(({ event }) => event === 'step').map(({ loss }) => loss);
    };
    assert.deepEqual(await losses('1', '--no-shuffle'), await losses('2', '--no-shuffle'));
    assert.notDeepEqual(await losses('1'), await losses('2'));
  });

  it('bench --json prints the line of the contract', async () => {
    const { code, stdout } = await ampc('bench', file, '--backend', 'reference', '--steps', '3', '--warmup', '1', '--json');
    assert.equal(code, 0);
    const line = JSON.parse(stdout);
    assert.deepEqual(Object.keys(line), [
      'backend',
      'precision',
      'batch',
      'step_ms_median',
      'step_ms_min',
      'images_per_second',
      'gflops',
      'compile_ms',
    ]);
    assert.deepEqual([line.backend, line.precision, line.batch], ['reference', 'fp16', 8]);
    assert.ok(line.step_ms_median >= line.step_ms_min && line.step_ms_min > 0 && line.gflops > 0);
  });

  it('a mistake of the user is one message without a stack trace', async () => {
    const run = work.path('mistakes');
    await ampc(...args('train', file, '--out', run, '--max-steps', '1'));
    const mistakes: readonly [readonly string[], RegExp][] = [
      [args('train', work.path('missing.amp')), /cannot read .*missing\.amp/],
      [args('train', file, '--out', run), /already holds a run/],
      [['train', file, '--backend', 'reference', '--data', work.path('empty')], /data set cifar10 is not in/],
      [args('train', file, '--resume', work.path('nowhere')), /is not the folder of a run/],
      [args('train', file, '--resume', run, '--batch', '4'), /belongs to another run[\s\S]*batch/],
      [args('train', file, '--out', work.path('set'), '--set', 'train.bacth=4'), /bacth/],
      [args('eval', file), /is not the folder of a run[\s\S]*--weights/],
      [args('eval', work.path('nowhere')), /is not the folder of a run[\s\S]*no such folder/],
      [args('train', file, '--out', work.path('tiny.amp')), /cannot use .*tiny\.amp as a run folder/],
      [args('train', file, '--out', join(work.path('tiny.amp'), 'x')), /cannot use .*x as a run folder/],
      [args('eval', run, '--weights', file), /tiny\.amp/],
    ];
    for (const [command, says] of mistakes) {
      const { code, stdout, stderr } = await ampc(...command);
      assert.equal(code, 1, `ampc ${command.join(' ')}`);
      assert.equal(stdout, '');
      assert.match(stderr, says);
      assert.doesNotMatch(stderr, /\n\s+at |report it/);
    }
  });

  it('Ctrl-C saves and exits 130, and the resumed run ends with the same bits', async function () {
    this.timeout(60_000);
    const rest = ['--epochs', '30', '--log-every', '1'];
    const whole = work.path('whole');
    assert.equal((await ampc(...args('train', file, '--out', whole, ...rest))).code, 0);

    const run = work.path('interrupted');
    const stopped = await interruptedAt('"step":13,', args('train', file, '--out', run, '--json', ...rest));
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.match(stopped.stderr, /finishing the step and saving/);
    assert.match(stopped.stderr, /--resume/);
    assert.ok(existsSync(join(run, 'checkpoint.safetensors')));
    assert.ok(events(stopped).every(({ event }) => event !== 'done'));

    const resumed = await ampc(...args('train', file, '--resume', run, '--json'));
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.equal(events(resumed).at(-1).steps, 300);
    assert.deepEqual(readFileSync(join(run, 'last.safetensors')), readFileSync(join(whole, 'last.safetensors')));
  });

  it('a second Ctrl-C quits at once', async function () {
    this.timeout(60_000);
    const options = ['--json', '--epochs', '1000', '--log-every', '1'];
    const { code, stderr } = await interruptedAt('"step":2,', args('train', file, '--out', work.path('twice'), ...options), 2);
    assert.equal(code, 130, stderr);
    assert.match(stderr, /press Ctrl-C again/);
    assert.doesNotMatch(stderr, /--resume/, 'it does not wait until it has saved');
  });

  it('output that nobody reads to its end is no failure', async () => {
    const child = startAmpc(['plan', file, '--dump', '--backend', 'reference']);
    assert.equal((await child.result).code, 0);
  });
});
