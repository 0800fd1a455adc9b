import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { compileProgram } from '../../src/compile.js';
import type { PolicyName } from '../../src/ir/program.js';
import type { FloatType, PrecisionName } from '../../src/ir/types.js';
import { lowerProgram } from '../../src/lower/lower.js';
import type { Executable, Scalars } from '../../src/runtime/backend.js';
import { type BackendName, selectBackend } from '../../src/runtime/select.js';
import { skip } from '../support/skip.js';
import { deterministicBatch, deterministicStates } from './support/deterministic.js';

const SIDE = 32;
const FORMATS: Readonly<Record<PrecisionName, FloatType>> = { fp32: 'f32', fp16: 'f16', bf16: 'bf16' };

const RESIDUAL = `dataset cifar10 { normalize(mean: 0.5, std: 0.5) }

block Residual(x, channels) {
  let shortcut = x |> conv2d(channels, kernel: 1, stride: 2, bias: false) as shortcut |> batch_norm as shortcut_bn
  x
  |> conv2d(channels, kernel: 3, stride: 2, padding: 1, bias: false) as conv1 |> batch_norm as bn1 |> relu
  |> conv2d(channels, kernel: 3, padding: 1, bias: false) as conv2 |> batch_norm as bn2 |> add(shortcut) |> relu
}

model Net(image: [32, 32, 3]) -> [10] {
  image
  |> conv2d(8, kernel: 3, stride: 2, padding: 1, bias: false) as conv1 |> batch_norm as bn1 |> relu
  |> Residual(12) as stage |> global_avg_pool |> linear(10) as fc
}

precision { compute fp32 }

train {
  loss cross_entropy(label_smoothing: 0.1)
  optimizer sgd(lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 5e-3)
  clip 0.5
}
`;

interface Case {
  readonly backend: BackendName;
  readonly source: { readonly path: string; readonly text: string };
  readonly precision: PrecisionName;
  readonly policy: PolicyName;
  readonly batch: number;
  readonly lr: number;
}

/** The plan on its backend, with the weights that PyTorch started from. Skips the test where the backend cannot run. */
async function load(context: Mocha.Context, { backend: name, source, precision, policy, batch }: Case): Promise<Executable> {
  const { backend, info } = await selectBackend(name).catch((error: Error) => skip(context, error.message));
  const plan = compileProgram(lowerProgram(source, { batch }), {
    backend: name,
    low: info.capabilities?.low ?? [],
    precision: FORMATS[precision],
    policy,
  });
  const executable = await backend.load(plan);
  await executable.writeStates(deterministicStates(plan));
  return executable;
}

async function train(executable: Executable, { batch, lr }: Case, share: number, steps: number): Promise<readonly Scalars[]> {
  for (let step = 0; step < steps; step += 1) {
    await executable.call('train_step', { ...deterministicBatch(step, batch, SIDE, share), lr: Float32Array.of(lr) });
  }
  return executable.drain();
}

function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/pytorch/${name}`, import.meta.url), 'utf8')) as T;
}

/** Relative to `expected`; `first` bounds element 0 where it is given. */
function assertClose(what: string, actual: Iterable<number>, expected: readonly number[], tolerance: number, first = tolerance): void {
  let index = 0;
  for (const value of actual) {
    const deviation = Math.abs(value / expected[index]! - 1);
    const bound = index === 0 ? first : tolerance;
    assert.ok(
      deviation <= bound,
      `${what}[${index}] is ${value}, PyTorch has ${expected[index]}: ${deviation.toExponential(1)} > ${bound}`,
    );
    index += 1;
  }
}

const isLow = ({ precision }: { readonly precision: PrecisionName }): boolean => precision !== 'fp32';

describe("PyTorch's losses", () => {
  describe('of SimpleCNN with Adam', () => {
    interface Run {
      readonly precision: PrecisionName;
      readonly share: number;
      readonly losses: readonly number[];
      readonly scale: number;
    }
    const { batch, steps, runs } = readFixture<{ batch: number; steps: number; runs: readonly Run[] }>('simple_cnn_losses.json');
    const text = readFileSync(new URL('../../examples/simple-cnn.amp', import.meta.url), 'utf8');
    const source = { path: 'examples/simple-cnn.amp', text };
    const cases = [
      ...runs.map((run) => ({ ...run, backend: 'cpu', policy: 'mixed', steps }) as const),
      ...runs.filter(isLow).map((run) => ({ ...run, backend: 'cpu', policy: 'autocast', steps }) as const),
      // A few steps, as it is slow: the backends are compared op by op elsewhere.
      ...runs.slice(1).map((run) => ({ ...run, backend: 'reference', policy: 'mixed', steps: 3 }) as const),
    ];
    for (const { backend, policy, precision, share, losses, scale, steps } of cases) {
      it(`${backend}, ${precision}, policy ${policy}, ${steps} steps, class share ${share}`, async function () {
        const one: Case = { backend, policy, source, precision, batch, lr: 1e-3 };
        const executable = await load(this, one);
        const results = await train(executable, one, share, steps);
        await executable.dispose();
        assert.equal(results.length, steps);
        const [tolerance, first] = precision === 'fp32' ? [1e-3, 1e-5] : [2e-2, 1e-4];
        assertClose(
          'loss',
          results.map(({ loss }) => loss!),
          losses,
          tolerance,
          first,
        );
        if (precision === 'fp16') assert.ok(results.every((result) => result.ok === 1 && result.scale === scale));
      });
    }
  });

  describe('of a residual network with batch norm, SGD, clipping and label smoothing', () => {
    interface Run {
      readonly batch: number;
      readonly steps: number;
      readonly share: number;
      readonly losses: readonly number[];
      readonly running_mean: readonly number[];
      readonly running_var: readonly number[];
      readonly logits: readonly number[];
      readonly eval_loss: number;
    }
    const fixture = readFixture<Run>('residual_losses.json');
    const { batch, steps, share } = fixture;
    for (const backend of ['cpu', 'reference'] as const) {
      it(`${backend}, fp32, ${steps} steps, then evaluation`, async function () {
        const one: Case = {
          backend,
          policy: 'mixed',
          source: { path: 'residual.amp', text: RESIDUAL },
          precision: 'fp32',
          batch,
          lr: 0.05,
        };
        const executable = await load(this, one);
        const results = await train(executable, one, share, steps);
        assertClose(
          'loss',
          results.map(({ loss }) => loss!),
          fixture.losses,
          1e-5,
        );
        const states = await executable.readStates(['stage.bn2.running_mean', 'stage.bn2.running_var']);
        assertClose('running mean', states.get('stage.bn2.running_mean')!, fixture.running_mean, 1e-4);
        assertClose('running variance', states.get('stage.bn2.running_var')!, fixture.running_var, 1e-4);
        await executable.call('eval_step', { ...deterministicBatch(steps, batch, SIDE, share) });
        const logits = await executable.readOutput('logits');
        fixture.logits.forEach((expected, i) => {
          assert.ok(Math.abs(logits[i]! - expected) < 1e-4, `logits[${i}] is ${logits[i]}, PyTorch has ${expected}`);
        });
        const evaluation = await executable.drain();
        assertClose('evaluation loss', [evaluation[0]!.loss!], [fixture.eval_loss], 1e-5);
        await executable.dispose();
      });
    }
  });
});
