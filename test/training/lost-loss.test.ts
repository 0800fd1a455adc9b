import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaProblem } from '../../src/files/schemas.js';
import { createBackend } from '../../src/runtime/cpu/index.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { ampc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, type Workspace, writeTinyCifar } from '../support/tiny.js';

const MODEL = `dataset cifar10 { normalize(mean: 0.5, std: 0.5) }

model Tiny(image: [32, 32, 3]) -> [10] {
  image |> avg_pool2d(8) |> flatten |> linear(10) as fc |> scale(FACTOR) as hot
}

precision { compute FORMAT  loss_scale none }

train { loss mse  optimizer sgd(lr: LR)  batch 4  accumulate MICRO  epochs 1  seed 0 MORE }
`;

interface Choices {
  readonly format: 'fp16' | 'bf16' | 'fp32';
  readonly factor?: string;
  readonly lr?: string;
  readonly micro?: number;
  readonly logEvery?: number;
  /** Further settings of `train`. */
  readonly more?: string;
}

describe('a loss that is not finite, where no step is skipped', () => {
  let work: Workspace;
  let runs = 0;

  before(() => {
    work = makeWorkspace();
    writeTinyCifar(work.dir);
  });

  after(() => work.remove());

  async function train(backend: string, { format, factor = '1.0', lr = '0.1', micro = 1, logEvery = 50, more = '' }: Choices) {
    runs += 1;
    const model = MODEL.replace('FORMAT', format).replace('FACTOR', factor);
    const text = model.replace('LR', lr).replace('MICRO', String(micro)).replace('MORE', more);
    const run = work.path(`run-${runs}`);
    const args = ['--data', work.dir, '--out', run, '--log-every', String(logEvery)];
    const { code, stdout, stderr } = await ampc('train', work.file(`tiny-${runs}.amp`, text), '--backend', backend, ...args);
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const event of events) assert.equal(schemaProblem('events', event), undefined);
    const warnings = events.filter(({ event }) => event === 'warning');
    return { run, code, stdout, stderr, events, warning: warnings[0], count: warnings.length };
  }

  for (const backend of ['reference', 'cpu'])
    describe(backend, () => {
      before(async function () {
        if (backend === 'cpu' && !(await createBackend().probe()).available) skip(this, 'no C compiler');
      });

      it('is traced to the value that fp16 could not hold, and to the lines that keep it in fp32', async () => {
        const { run, code, stderr, warning, count } = await train(backend, { format: 'fp16', factor: '1000000' });
        assert.deepEqual([code, count], [1, 1]);
        const { step, keep, value, phase, place, magnitude, dtype } = warning!.cause as Record<string, unknown>;
        assert.deepEqual([step, keep, value, phase, place, dtype], [1, ['hot'], 'scale of hot', 'forward', { line: 4, column: 60 }, 'f16']);
        assert.ok(Number(magnitude) > 65504);
        assert.match(
          stderr,
          /^error\[AMP7302\]: the loss of step 1 is (NaN|Infinity)\n = why: in step 1, scale of hot \(forward, 4:60\) reached /m,
        );
        assert.match(stderr, /%\d+ = scale %\d+ {factor=1000000}/);
        assert.match(stderr, / = fix: write `keep hot in fp32` in the precision section, lower the learning rate \(it was 0\.1\)/);
        assert.match(
          stderr,
          /`--resume \S+` goes on from its checkpoint of step 0; with `on_lost_loss continue` a run goes on when a loss is lost/,
        );
        const doctor = await ampc('doctor', run);
        assert.equal(doctor.code, 1, 'the loss was lost');
        assert.match(doctor.stdout, /why: in step 1, scale of hot/);
        assert.match(doctor.stdout, /problem: the loss is not finite from step 1 on/);
        assert.match(doctor.stdout, /to paste:\nprecision {\n {2}keep hot in fp32\n}/);
      });

      it('is traced to a sum in fp32, in the step in which it was, however late that is noticed', async () => {
        const choices = { format: 'fp32', lr: '1e12', micro: 2 } as const;
        const late = await train(backend, choices);
        const early = await train(backend, { ...choices, logEvery: 1 });
        const { step, value, dtype, keep } = late.warning!.cause as Record<string, unknown>;
        assert.deepEqual([value, dtype, keep], ['mse of loss', 'f32', []]);
        assert.ok(Number(step) > 1);
        assert.match(
          late.stderr,
          /why: in step \d+, mse of loss \(forward\) is infinite or NaN in fp32; fc\.weight is [\d.e+]+ times as large as at the start: %\d+ = mse /,
        );
        assert.match(late.stderr, / = fix: lower the learning rate \(it was 1000000000000\), or clip the gradients;/);
        assert.deepEqual(late.warning, early.warning);
      });

      it('is traced to the update that broke a parameter', async () => {
        const { code, warning } = await train(backend, { format: 'bf16', factor: '1000', lr: '3e38' });
        assert.equal(code, 1);
        assert.match(String(warning!.why), /^the update of step 1 made fc\.\w+ infinite or NaN; without loss scaling/);
        assert.equal(warning!.cause, undefined);
      });

      it('is blamed on the model where nothing was learned yet and no format helps', async () => {
        const { code, warning } = await train(backend, { format: 'fp32', factor: '1e25' });
        assert.deepEqual([code, warning!.message], [1, 'the loss of step 1 is Infinity']);
        assert.match(String(warning!.fix), /^the model makes such values before it has learned anything/);
      });

      it('where a run goes on all the same, its means say what they leave out, and its files stay finite', async () => {
        const { run, code, stdout, stderr, events } = await train(backend, { format: 'fp32', lr: '1e12', more: 'on_lost_loss continue' });
        assert.equal(code, 1, 'its test loss is not finite');
        assert.match(stderr, /^warning\[AMP7302\]/m);
        const epoch = events.find(({ event }) => event === 'epoch')!;
        const leftOut = Number(epoch.left_out_steps);
        assert.ok(leftOut > 10 && leftOut < 20, `${leftOut} of 20`);
        assert.match(stdout, new RegExp(`^epoch 1  loss [\\d.e+]+ \\(without ${leftOut} steps whose loss was not finite\\)`, 'm'));
        assert.match(stdout, new RegExp(`^\\* without the ${leftOut} steps whose loss was not finite$`, 'm'));
        assert.ok(!existsSync(join(run, 'last.safetensors')));
        assert.match(stdout, /; no weights, for none were finite, but metrics in \S+\n$/);
        const evaluated = await ampc('eval', run);
        assert.equal(evaluated.code, 1);
        assert.match(evaluated.stderr, /^error\[AMP7211\]: the run \S+ has no weights\n = why: it has no last\.safetensors/);
        const { tensors } = await readSafetensors(join(run, 'checkpoint.safetensors'));
        for (const [name, { data }] of tensors) assert.ok(data.every(Number.isFinite), name);
      });
    });
});
