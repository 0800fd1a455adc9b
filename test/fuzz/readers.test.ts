import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diagnose } from '../../src/api/doctor.js';
import { readRun } from '../../src/api/runs.js';
import { parseSavedPlan, withSavedPlan } from '../../src/api/saved-plan.js';
import { checkSpec, parseSpec } from '../../src/api/spec/spec.js';
import { SPEC_STAGES } from '../../src/api/spec/stages.js';
import { readCalibration } from '../../src/choose/calibrated-pins.js';
import { compile } from '../../src/choose/plan-file.js';
import { readCosts } from '../../src/costs/costs.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { checkSource } from '../../src/lower/lower.js';
import { formatAmp } from '../../src/parser/format.js';
import { parseAmp } from '../../src/parser/parse.js';
import { diffPlans } from '../../src/plan/diff.js';
import { explainLayers } from '../../src/plan/explain.js';
import { footprint } from '../../src/plan/footprint.js';
import { printPlan } from '../../src/plan/print.js';
import { emitForThisMachine } from '../../src/runtime/webgpu/index.js';
import { checkpointPlan, loadCheckpoint, saveCheckpoint } from '../../src/training/checkpoint.js';
import type { RunPosition } from '../../src/training/checkpoint-metadata.js';
import { RECORD_BYTES } from '../../src/training/data/binary.js';
import { CIFAR10 } from '../../src/training/data/cifar.js';
import { checkDataset } from '../../src/training/data/load.js';
import { runSettings } from '../../src/training/run-settings.js';
import { readSafetensors, writeSafetensors } from '../../src/training/safetensors.js';
import { initialStates } from '../../src/training/states.js';
import { makeWorkspace, TINY } from '../support/tiny.js';
import { fuzz } from './fuzz.js';
import { mutateBytes, mutateJson, mutateText } from './mutate.js';

function textsUnder(folder: string, ending: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(ending));
  return names.sort().map((name) => readFileSync(join(folder, name), 'utf8'));
}

function withoutSpans(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSpans);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, part]) => (key === 'span' ? [] : [[key, withoutSpans(part)]])));
}

/** Waits for two readers; what is no diagnostic of either is thrown first. */
async function both(...readers: readonly Promise<unknown>[]): Promise<void> {
  const failures = (await Promise.allSettled(readers)).flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
  );
  if (failures.length > 0) throw failures.find((failure) => !(failure instanceof UserError)) ?? failures[0];
}

describe('damaged input is refused by diagnostics', function () {
  this.timeout(900_000);
  const workspace = makeWorkspace();
  after(() => workspace.remove());

  it('source texts: the formatter keeps the program and is idempotent', async () => {
    const texts = [TINY, ...textsUnder('examples', '.amp'), ...textsUnder('specs', '.yaml')];
    const programs = texts.filter((text) => parseAmp(text).diagnostics.length === 0);
    await fuzz(
      (random) => mutateText(random.pick(programs), random, texts),
      (text) => {
        checkSource({ path: 'x.amp', text });
        const formatted = formatAmp(text);
        assert.equal(formatAmp(formatted), formatted);
        assert.deepEqual(withoutSpans(parseAmp(formatted).file), withoutSpans(parseAmp(text).file));
      },
    );
  });

  it('specs', async () => {
    const texts = [...textsUnder('specs', '.yaml'), ...textsUnder('examples', '.yaml')].filter((text) => text.length < 3000);
    await fuzz(
      (random) => mutateText(random.pick(texts), random, texts),
      async (text) => {
        const file = parseSpec(text, 'x.yaml');
        // What plans and trains is another reader's business, and takes long.
        if (['check', 'fmt', 'lint'].includes(file.spec.stage)) await checkSpec(SPEC_STAGES, file, '.');
      },
    );
  });

  it('saved plans: explained, emitted and compared', async () => {
    const { plan } = await compile({ path: 'tiny.amp', text: TINY }, { backend: 'reference' });
    const text = printPlan(plan);
    await fuzz(
      (random) => mutateText(text, random),
      (damaged) => {
        const found = parseSavedPlan({ path: 'plan.txt', text: damaged });
        return withSavedPlan('plan.txt', async () => {
          explainLayers(found, '*');
          diffPlans(plan, found);
          footprint(found);
          await emitForThisMachine(found);
        });
      },
    );
  });

  it('runs: config.json, metrics.jsonl and plan.txt', async () => {
    const { plan, program } = await compile({ path: 'tiny.amp', text: TINY }, { backend: 'reference' });
    const config = JSON.stringify({
      ampc: '0.1.0',
      file: 'tiny.amp',
      backend: 'cpu',
      settings: { set: ['train.batch=8'] },
      shuffle: true,
      augment: true,
      recipe: program.recipe,
      pins: [{ target: 'fc', dtype: 'f32', reason: 'overflow: x' }],
    });
    const events = [
      { event: 'start', model: 'Tiny', backend: 'cpu', device: 'x', precision: 'fp16', parameters: 490, run: 'runs/tiny-1' },
      { event: 'step', step: 1, epoch: 1, loss: 2.3, lr: 1e-3, loss_scale: 65536, skipped: false },
      {
        event: 'overflow',
        step: 2,
        loss_scale: 65536,
        message: 'x',
        value: 'linear of fc',
        layer: 'fc',
        phase: 'forward',
        dtype: 'f16',
        place: null,
        magnitude: 1e6,
        limit: 65504,
        keep: ['fc'],
        times: 1,
        last: false,
      },
      {
        event: 'epoch',
        epoch: 1,
        train_loss: 2.2,
        test_loss: 2.1,
        test_accuracy: 0.2,
        images_per_second: 10,
        skipped_steps: 1,
        seconds: 1,
      },
      { event: 'done', test_accuracy: 0.2, seconds: 1, steps: 10 },
    ].map((event) => JSON.stringify(event));
    const dir = workspace.path('run');
    mkdirSync(dir);
    writeFileSync(join(dir, 'tiny.amp'), TINY);
    await fuzz(
      (random) => ({
        config: mutateJson(config, random),
        metrics: [...events, ...events].map((line) => (random.below(2) === 0 ? line : mutateJson(line, random))).join('\n'),
        plan: random.below(3) === 0 ? mutateText(printPlan(plan), random) : printPlan(plan),
      }),
      async (files) => {
        writeFileSync(join(dir, 'config.json'), files.config);
        writeFileSync(join(dir, 'metrics.jsonl'), files.metrics);
        writeFileSync(join(dir, 'plan.txt'), files.plan);
        await both(diagnose(dir), readRun(dir));
      },
    );
  });

  it('weights', async () => {
    const path = workspace.path('w.safetensors');
    await writeSafetensors(
      path,
      new Map([
        ['fc.weight', { shape: [4, 3], data: new Float32Array(12) }],
        ['fc.bias', { shape: [3], data: new Float32Array(3) }],
      ]),
      { format: 'x' },
    );
    const bytes = readFileSync(path);
    await fuzz(
      (random) => mutateBytes(bytes, random),
      (damaged) => {
        writeFileSync(path, damaged);
        return readSafetensors(path);
      },
    );
  });

  it('checkpoints: what a run resumes from, with a checksum that holds', async () => {
    const { plan, program } = await compile({ path: 'tiny.amp', text: TINY }, { backend: 'reference' });
    const settings = runSettings(plan, program.recipe, { shuffle: true });
    const states = initialStates(plan, 0);
    const position: RunPosition = {
      step: 3,
      epoch: 1,
      stepInEpoch: 1,
      tally: { lossSum: 2.3, lossCount: 1, correct: 2, images: 8, skipped: 0, leftOut: 0 },
      skipsInARow: 0,
      watch: { traced: 1, seen: { 'linear of fc': 1 }, replans: 0 },
      pins: [{ pattern: 'fc', dtype: 'f32', origin: { kind: 'replan', text: 'x' } }],
      course: { from: 0, at: 0, of: 20, to: 20 },
      rate: 1e-3,
      losses: { first: { step: 0, loss: 2.4 }, last: { step: 2, loss: 2.3 } },
      last: { accuracy: 0.1, loss: 2.3 },
      best: { accuracy: 0.1, loss: 2.3 },
      seconds: 1,
      epochSeconds: 1,
    };
    const path = workspace.path('checkpoint.safetensors');
    await saveCheckpoint(path, plan, settings, position, states);
    const { tensors, metadata } = await readSafetensors(path);
    assert.deepEqual((await loadCheckpoint(path, plan, settings)).position, position);
    await fuzz(
      (random) => {
        const isPosition = random.below(3) > 0;
        return {
          ...metadata,
          [isPosition ? 'position' : 'settings']: mutateJson(isPosition ? metadata.position! : metadata.settings!, random),
        };
      },
      async (damaged) => {
        await writeSafetensors(path, tensors, damaged);
        await both(checkpointPlan(path), loadCheckpoint(path, plan, settings));
      },
    );
  });

  it('data sets', async () => {
    const dir = workspace.path('data');
    mkdirSync(join(dir, CIFAR10.folder), { recursive: true });
    for (const name of [...CIFAR10.files.train, ...CIFAR10.files.test])
      writeFileSync(join(dir, CIFAR10.folder, name), new Uint8Array(RECORD_BYTES * 2));
    const classes = Array.from({ length: 10 }, (_, label) => `kind ${label}\n`).join('');
    await fuzz(
      (random) => ({
        bytes: random.below(2) === 0 ? mutateBytes(new Uint8Array(RECORD_BYTES * 2), random) : new Uint8Array(RECORD_BYTES),
        classes: random.below(2) === 0 ? classes : mutateText(classes, random),
      }),
      (damaged) => {
        writeFileSync(join(dir, CIFAR10.folder, 'data_batch_1.bin'), damaged.bytes);
        writeFileSync(join(dir, CIFAR10.folder, CIFAR10.classesFile!), damaged.classes);
        return checkDataset('cifar10', dir);
      },
    );
  });

  it('tables of costs, and calibrations', async () => {
    const path = workspace.path('x.json');
    const costs = JSON.stringify({
      format: 1,
      machine: { backend: 'cpu', device: 'x' },
      rates: { bytes: 1e9, flops: 1e9 },
      kernels: { abc: { ns: 1, spread: 0.1 } },
    });
    const calibration = JSON.stringify({
      event: 'calibrate',
      model: 'Tiny',
      steps: 10,
      scale: 65536,
      values: [{ value: 'image', layer: '', phase: 'forward', dtype: 'f16', max: 1, proved: null, non_finite: 0, exponents: [[0, 5]] }],
    });
    await fuzz(
      (random) => mutateJson(random.below(2) === 0 ? costs : calibration, random),
      async (damaged) => {
        writeFileSync(path, damaged);
        await both(readCosts(path), readCalibration(path));
      },
    );
  });
});
