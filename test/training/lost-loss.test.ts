import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaProblem } from '../../src/api/schemas.js';
import { createBackend } from '../../src/runtime/cpu/index.js';
import { ampc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, type Workspace, writeTinyCifar } from '../support/tiny.js';

const MODEL = `dataset cifar10 { normalize(mean: 0.5, std: 0.5) }

model Tiny(image: [32, 32, 3]) -> [10] {
  image |> avg_pool2d(8) |> flatten |> linear(10) as fc |> scale(FACTOR) as hot
}

precision { compute FORMAT  loss_scale none }

train { loss mse  optimizer sgd(lr: LR)  batch 4  accumulate MICRO  epochs 1  seed 0 }
`;

interface Choices {
  readonly format: 'fp16' | 'bf16' | 'fp32';
  readonly factor?: string;
  readonly lr?: string;
  readonly micro?: number;
  readonly logEvery?: number;
}

describe('a loss that is not finite, where no step is skipped', () => {
  let work: Workspace;
  let runs = 0;

  before(() => {
    work = makeWorkspace();
    writeTinyCifar(work.dir);
  });

  after(() => work.remove());

  async function train(backend: string, { format, factor = '1.0', lr = '0.1', micro = 1, logEvery = 50 }: Choices) {
    runs += 1;
    const text = MODEL.replace('FORMAT', format).replace('FACTOR', factor).replace('LR', lr).replace('MICRO', String(micro));
    const run = work.path(`run-${runs}`);
    const more = ['--data', work.dir, '--out', run, '--log-every', String(logEvery)];
    const { code, stderr } = await ampc('train', work.file(`tiny-${runs}.amp`, text), '--backend', backend, ...more);
    assert.equal(code, 0, stderr);
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const event of events) assert.equal(schemaProblem('events', event), undefined);
    const warnings = events.filter(({ event }) => event === 'warning');
    return { run, stderr, warning: warnings[0], count: warnings.length, weights: readFileSync(join(run, 'last.safetensors')) };
  }

  for (const backend of ['reference', 'cpu'])
    describe(backend, () => {
      before(async function () {
        if (backend === 'cpu' && !(await createBackend().probe()).available) skip(this, 'no C compiler');
      });

      it('is traced to the value that fp16 could not hold, and to the lines that keep it in fp32', async () => {
        const { run, stderr, warning, count } = await train(backend, { format: 'fp16', factor: '1000000' });
        assert.equal(count, 1);
        const { step, keep, value, phase, place, magnitude, dtype } = warning!.cause as Record<string, unknown>;
        assert.deepEqual([step, keep, value, phase, place, dtype], [1, ['hot'], 'scale of hot', 'forward', { line: 4, column: 60 }, 'f16']);
        assert.ok(Number(magnitude) > 65504);
        assert.match(
          stderr,
          /^warning\[AMP7302\]: the loss of step 1 is (NaN|Infinity)\n = why: in step 1, scale of hot \(forward, 4:60\) reached /m,
        );
        assert.match(stderr, /%\d+ = scale %\d+ {factor=1000000}/);
        assert.match(stderr, / = fix: write `keep hot in fp32` in the precision section/);
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
        assert.match(late.stderr, /why: in step \d+, mse of loss \(forward\) is infinite or NaN in fp32: %\d+ = mse /);
        assert.deepEqual(late.warning, early.warning);
        assert.ok(late.weights.equals(early.weights), 'the run goes on from the states that it had');
      });

      it('is traced to the update that broke a parameter', async () => {
        const { warning } = await train(backend, { format: 'bf16', factor: '1000', lr: '3e38' });
        assert.match(String(warning!.why), /^the update of step 1 made fc\.\w+ infinite or NaN; without loss scaling/);
        assert.equal(warning!.cause, undefined);
      });
    });
});
