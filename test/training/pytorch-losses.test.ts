import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Executable } from '../../src/runtime/backend.js';
import { skip } from '../support/skip.js';
import { deterministicBatch } from './support/deterministic.js';
import { type Case, disagreement, type LossFixture, load, readFixture, SIDE, train } from './support/pytorch.js';

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

const LAYER_NORMS = `dataset cifar10 { normalize(mean: 0.5, std: 0.5) }

model Net(image: [32, 32, 3]) -> [10] {
  let x = image |> conv2d(13, kernel: 4, stride: 4) as conv1 |> layer_norm as norm1
  x
  |> conv2d(13, kernel: 3, padding: 1) as conv2 |> layer_norm(eps: 1e-6) as norm2 |> gelu |> add(x)
  |> global_avg_pool |> layer_norm as norm3 |> linear(10) as fc
}

precision { compute fp32 }

train { optimizer adamw(lr: 3e-3, weight_decay: 0.1, decay_norms: false) }
`;

async function loadOrSkip(context: Mocha.Context, one: Case): Promise<Executable> {
  return load(one).catch((error: Error) => skip(context, error.message));
}

function assertClose(what: string, actual: Iterable<number>, expected: readonly number[], tolerance: number, first = tolerance): void {
  assert.equal(disagreement(what, actual, expected, tolerance, first), undefined);
}

describe("PyTorch's losses", () => {
  describe('of SimpleCNN with Adam', () => {
    const { batch, steps, runs } = readFixture<LossFixture>('test/fixtures/pytorch/simple_cnn_losses.json');
    const text = readFileSync(new URL('../../examples/simple-cnn.amp', import.meta.url), 'utf8');
    const source = { path: 'examples/simple-cnn.amp', text };
    // specs/train has the runs of the cpu backend under the default policy.
    const cases = [
      ...runs
        .filter(({ precision }) => precision !== 'fp32')
        .map((run) => ({ ...run, backend: 'cpu', policy: 'autocast', steps }) as const),
      // A few steps, as it is slow: the backends are compared op by op elsewhere.
      ...runs.slice(1).map((run) => ({ ...run, backend: 'reference', policy: 'mixed', steps: 3 }) as const),
    ];
    for (const { backend, policy, precision, share, losses, scale, steps } of cases) {
      it(`${backend}, ${precision}, policy ${policy}, ${steps} steps, class share ${share}`, async function () {
        const one: Case = { backend, policy, source, precision, batch, lr: 1e-3 };
        const executable = await loadOrSkip(this, one);
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
    const fixture = readFixture<Run>('test/fixtures/pytorch/residual_losses.json');
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
        const executable = await loadOrSkip(this, one);
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

  describe('of a network of layer norms with AdamW', () => {
    interface Run {
      readonly batch: number;
      readonly steps: number;
      readonly share: number;
      readonly losses: readonly number[];
      readonly weight: readonly number[];
      readonly bias: readonly number[];
    }
    const { batch, steps, share, losses, weight, bias } = readFixture<Run>('test/fixtures/pytorch/layer_norm_losses.json');
    for (const backend of ['cpu', 'reference'] as const) {
      it(`${backend}, fp32, ${steps} steps`, async function () {
        const source = { path: 'norms.amp', text: LAYER_NORMS };
        const one: Case = { backend, policy: 'mixed', source, precision: 'fp32', batch, lr: 3e-3 };
        const executable = await loadOrSkip(this, one);
        const results = await train(executable, one, share, steps);
        assertClose(
          'loss',
          results.map(({ loss }) => loss!),
          losses,
          1e-5,
        );
        const states = await executable.readStates(['norm2.weight', 'norm2.bias']);
        assertClose('scale', states.get('norm2.weight')!, weight, 1e-4);
        states.get('norm2.bias')!.forEach((value, i) => {
          assert.ok(Math.abs(value - bias[i]!) < 1e-5, `bias[${i}] is ${value}, PyTorch has ${bias[i]}`);
        });
        await executable.dispose();
      });
    }
  });
});
