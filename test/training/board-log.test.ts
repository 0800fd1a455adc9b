import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { histogramOf } from '../../src/interchange/tensorboard/histogram.js';
import { crc32c, decodeRecords, encodeRecord } from '../../src/interchange/tensorboard/records.js';
import { type BoardEvent, decodeEvent, decodeGraph } from '../../src/interchange/tensorboard/schema.js';
import { ampc, interruptedAt } from '../support/cli.js';
import { TINY, useTiny } from '../support/tiny.js';

const PREFIX = 'events.out.tfevents.';

function eventsIn(run: string): readonly (readonly BoardEvent[])[] {
  const files = readdirSync(run).filter((name) => name.startsWith(PREFIX));
  return files.sort().map((name) => {
    const { records, whole } = decodeRecords(readFileSync(join(run, name)));
    assert.ok(whole, name);
    return records.map(decodeEvent);
  });
}

/** Numbers by tag and step. A later file takes the place of what an earlier one has from its first step on, as in TensorBoard. */
function scalarsOf(files: readonly (readonly BoardEvent[])[]): Readonly<Record<string, Readonly<Record<number, number>>>> {
  const found: Record<string, Record<number, number>> = {};
  for (const event of files.flat()) {
    if (event.sessionLog !== undefined)
      for (const of of Object.values(found)) for (const step of Object.keys(of)) if (Number(step) >= event.step!) delete of[Number(step)];
    for (const { tag, simpleValue } of event.summary?.value ?? [])
      if (simpleValue !== undefined) {
        found[tag] ??= {};
        found[tag][event.step ?? 0] = simpleValue;
      }
  }
  return found;
}

describe('ampc train --tensorboard', function () {
  this.timeout(120_000);
  const work = useTiny(TINY.replace('std: 0.5)', 'std: 0.5)  validation(0.25)'));

  async function train(name: string, ...options: readonly string[]): Promise<string> {
    const run = work.path(name);
    const { code, stderr } = await ampc(...work.args('train', work.program, '--out', run, '--log-every', '1', ...options));
    assert.equal(code, 0, stderr);
    return run;
  }

  it('has the numbers of metrics.jsonl by step, the graph, and pictures of the mistakes', async () => {
    const run = await train('board', '--tensorboard');
    const [events, ...others] = eventsIn(run);
    assert.equal(others.length, 0);
    assert.equal(events![0]!.fileVersion, 'brain.Event:2');
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const metrics = lines.map((line) => JSON.parse(line) as Record<string, number & string>);
    const scalars = scalarsOf([events!]);
    const steps = metrics.filter(({ event }) => event === 'step');
    const expected = (key: string) => Object.fromEntries(steps.map((line) => [line.step, Math.fround(Number(line[key]))]));
    assert.deepEqual(scalars['train/loss'], expected('loss'));
    assert.deepEqual(scalars['train/lr'], expected('lr'));
    assert.deepEqual(scalars['train/loss_scale'], expected('loss_scale'));
    assert.deepEqual(scalars['train/skipped'], expected('skipped'));
    const epochs = metrics.filter(({ event }) => event === 'epoch');
    const perEpoch = steps.length / epochs.length;
    for (const key of ['train_loss', 'validation_loss', 'validation_accuracy', 'test_loss', 'test_accuracy', 'skipped_steps'])
      assert.deepEqual(
        scalars[`epoch/${key}`],
        Object.fromEntries(epochs.map((line) => [line.epoch! * perEpoch, Math.fround(line[key]!)])),
      );
    const nodes = decodeGraph(events!.find(({ graphDef }) => graphDef !== undefined)!.graphDef!);
    const names = new Set(nodes.map(({ name }) => name));
    assert.equal(names.size, nodes.length);
    assert.ok(nodes.every(({ input }) => (input ?? []).every((name) => names.has(name))));
    assert.ok(
      names.has('image') && names.has('fc/weight') && nodes.some(({ name, device }) => /^fc\/linear_\d+$/.test(name) && device === 'f16'),
    );
    assert.ok(nodes.some(({ name }) => /^backward\/fc\/linear_weight_grad_\d+$/.test(name)));
    const images = events!.flatMap(({ summary }) => summary?.value ?? []).filter(({ image }) => image !== undefined);
    assert.ok(images.length > 0 && images.length <= 16);
    assert.equal(images[0]!.tag, 'mistakes/01');
    assert.match(images[0]!.metadata!.displayName!, /^class\d taken for class\d$/);
    const index = Number(/^test image (\d+): class/.exec(images[0]!.metadata!.summaryDescription!)![1]);
    const { data, info } = await sharp(images[0]!.image!.encodedImageString).raw().toBuffer({ resolveWithObject: true });
    assert.deepEqual([info.width, info.height, info.channels], [32, 32, 3]);
    const record = readFileSync(join(work.data, 'cifar-10-batches-bin/test_batch.bin')).subarray(index * 3073, (index + 1) * 3073);
    assert.equal(data[3 * 40 + 1], record[1 + 1024 + 40]);
  });

  it('goes on in a file of its own, to the numbers of a run that was not interrupted', async () => {
    const whole = await train('whole', '--tensorboard', '--epochs', '3');
    const cut = work.path('cut');
    const options = ['--out', cut, '--log-every', '1', '--epochs', '3', '--tensorboard', '--json'];
    const stopped = await interruptedAt('"event":"step","step":11,', work.args('train', work.program, ...options));
    assert.equal(stopped.code, 130, stopped.stderr);
    // As if the first part had been trained on a machine whose clock is an hour ahead.
    const [first] = readdirSync(cut).filter((name) => name.startsWith(PREFIX));
    const ahead = first!.replace(/\d{10}/, (second) => String(Number(second) + 3600));
    renameSync(join(cut, first!), join(cut, ahead));
    const { code, stderr } = await ampc(...work.args('train', work.program, '--resume', cut, '--log-every', '1'));
    assert.equal(code, 0, stderr);
    assert.equal(
      readdirSync(cut)
        .filter((name) => name.startsWith(PREFIX))
        .sort()[0],
      ahead,
    );
    const files = eventsIn(cut);
    assert.equal(files.length, 2);
    const timeless = ({ 'epoch/images_per_second': _, ...rest }: ReturnType<typeof scalarsOf>) => rest;
    assert.deepEqual(timeless(scalarsOf(files)), timeless(scalarsOf(eventsIn(whole))));
    assert.deepEqual(readFileSync(join(cut, 'last.safetensors')), readFileSync(join(whole, 'last.safetensors')));
  });

  it('has the scores of a run that ends within an epoch, as metrics.csv has', async () => {
    const run = await train('short', '--tensorboard', '--csv', '--max-steps', '3');
    const line = JSON.parse(readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n').at(-1)!);
    const [head, ...rows] = readFileSync(join(run, 'metrics.csv'), 'utf8').trimEnd().split('\n');
    const cells = rows.at(-1)!.split(',');
    const row = Object.fromEntries(head!.split(',').map((name, index) => [name, cells[index]]));
    assert.deepEqual([row.event, row.epoch, row.step, rows.length], ['done', '1', '3', 4]);
    const scalars = scalarsOf(eventsIn(run));
    for (const key of ['train_loss', 'validation_loss', 'validation_accuracy', 'test_loss', 'test_accuracy']) {
      assert.ok(line[key] >= 0, key);
      assert.equal(row[key], String(line[key]));
      assert.deepEqual(scalars[`epoch/${key}`], { 3: Math.fround(line[key]) });
    }
    const losses = rows.slice(0, 3).map((cell) => Number(cell.split(',')[3]));
    assert.ok(Math.abs(line.train_loss - losses.reduce((sum, loss) => sum + loss, 0) / 3) < 1e-6);
    const more = await ampc(...work.args('train', work.program, '--resume', run, '--log-every', '1'));
    assert.equal(more.code, 0, more.stderr);
    assert.doesNotMatch(readFileSync(join(run, 'metrics.csv'), 'utf8'), /^done/m);
  });

  it('records nothing unless it is asked to, and changes no bit of the run', async () => {
    const [plain, board] = [await train('plain'), await train('told', '--histograms')];
    assert.equal(eventsIn(plain).length, 0);
    assert.deepEqual(readFileSync(join(plain, 'last.safetensors')), readFileSync(join(board, 'last.safetensors')));
  });

  it('has histograms of weights, and of gradients without the loss scale', async () => {
    const of = async (name: string, ...options: readonly string[]) => {
      const values = eventsIn(await train(name, '--histograms', '--epochs', '1', ...options))
        .flat()
        .flatMap(({ summary }) => summary?.value ?? []);
      return Object.fromEntries(values.flatMap(({ tag, histo }) => (histo === undefined ? [] : [[tag, histo]])));
    };
    const scaled = await of('scaled');
    assert.deepEqual(Object.keys(scaled).sort(), ['gradients/fc.bias', 'gradients/fc.weight', 'weights/fc.bias', 'weights/fc.weight']);
    const weights = scaled['weights/fc.weight']!;
    assert.equal(weights.num, 480);
    assert.equal(
      weights.bucket.reduce((sum, count) => sum + count, 0),
      480,
    );
    assert.equal(weights.bucketLimit.at(-1), weights.max);
    // The sum of a softmax's gradients over the classes is 0.
    const bias = scaled['gradients/fc.bias']!;
    assert.ok(Math.abs(bias.sum) < 1e-2 * Math.sqrt(bias.sumSquares) && bias.max > 0 && bias.max < 1, JSON.stringify(bias));
    const exact = await of('exact', '--precision', 'fp32');
    const [a, b] = [exact['gradients/fc.weight']!, scaled['gradients/fc.weight']!];
    assert.ok(Math.abs(a.sumSquares / b.sumSquares - 1) < 0.05, `${a.sumSquares} ${b.sumSquares}`);
  });
});

describe('ampc train --csv', () => {
  const work = useTiny();

  it('keeps a row for each step and epoch, also of a run that goes on', async () => {
    const run = work.path('csv');
    const options = ['--out', run, '--log-every', '1', '--csv', '--json'];
    const stopped = await interruptedAt('"event":"step","step":13,', work.args('train', work.program, ...options));
    assert.equal(stopped.code, 130, stopped.stderr);
    const { code, stderr } = await ampc(...work.args('train', work.program, '--resume', run, '--log-every', '1'));
    assert.equal(code, 0, stderr);
    const [head, ...rows] = readFileSync(join(run, 'metrics.csv'), 'utf8').trimEnd().split('\n');
    assert.match(head!, /^event,epoch,step,loss,lr,loss_scale,skipped,train_loss,/);
    const columns = head!.split(',');
    const table = rows.map((row) => Object.fromEntries(row.split(',').map((cell, index) => [columns[index]!, cell])));
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const events = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'step' || event === 'epoch');
    assert.equal(table.length, 22);
    for (const [index, event] of events.entries()) {
      const row = table[index]!;
      assert.equal(row.event, event.event);
      for (const key of ['epoch', 'step', 'loss', 'lr', 'test_loss', 'test_accuracy', 'seconds'])
        assert.equal(row[key], event[key] === undefined ? '' : String(event[key]));
    }
  });
});

describe('records of TensorFlow', () => {
  it('have the checksums of RFC 3720', () => {
    assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
    assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
    assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e);
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  });

  it('are read up to the first that is cut off or damaged', () => {
    const records = [Buffer.from('one'), Buffer.alloc(0), Buffer.from('three')];
    const bytes = Buffer.concat(records.map(encodeRecord));
    assert.deepEqual(
      decodeRecords(bytes).records.map((record) => Buffer.from(record)),
      records,
    );
    for (let length = 0; length < bytes.length; length += 1) {
      const { records: found, whole } = decodeRecords(bytes.subarray(0, length));
      assert.equal(found.length, length < 19 ? 0 : length < 35 ? 1 : 2);
      assert.equal(whole, length === 0 || length === 19 || length === 35);
    }
    for (let at = 0; at < bytes.length; at += 1) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      assert.equal(decodeRecords(damaged).whole, false, `byte ${at}`);
    }
  });
});

describe('a histogram', () => {
  it('counts each value in its bucket, and leaves out what is not finite', () => {
    const { bucket, bucketLimit, ...rest } = histogramOf(Float32Array.of(0, 1, 64, Number.NaN, Number.POSITIVE_INFINITY, 32))!;
    assert.deepEqual(rest, { min: 0, max: 64, num: 4, sum: 97, sumSquares: 1 + 64 ** 2 + 32 ** 2 });
    assert.deepEqual(
      bucket.flatMap((count, index) => (count === 0 ? [] : [[bucketLimit[index], count]])),
      [
        [1, 1],
        [2, 1],
        [33, 1],
        [64, 1],
      ],
    );
    assert.deepEqual(histogramOf(Float32Array.of(2, 2))!.bucket, [2]);
    assert.equal(histogramOf(Float32Array.of(Number.NaN)), undefined);
  });
});
