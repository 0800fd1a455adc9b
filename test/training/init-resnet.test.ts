import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { compileToRun } from '../../src/choose/plan-file.js';
import { elementCount } from '../../src/ir/types.js';
import { loadInitial } from '../../src/training/init/load.js';
import { type Tensor, writeSafetensors } from '../../src/training/safetensors.js';
import { initialStates } from '../../src/training/states.js';
import { skip } from '../support/skip.js';
import { makeWorkspace } from '../support/tiny.js';
import { deterministicBatch, uniform } from './support/deterministic.js';

interface Expected {
  readonly side: number;
  readonly size: number;
  readonly share: number;
  readonly state_dict: readonly (readonly [name: string, shape: readonly number[], dtype: string])[];
  readonly logits: readonly number[];
}

const expected = JSON.parse(readFileSync('test/fixtures/pytorch/resnet18_imagenet.json', 'utf8')) as Expected;

/** As `value` of the script. */
function drawn(name: string, shape: readonly number[]): Float32Array {
  const count = elementCount(shape);
  if (name.endsWith('running_var') || (name.endsWith('weight') && shape.length === 1)) return uniform(name, count, 0.25).map((x) => x + 1);
  return uniform(name, count, shape.length === 1 ? 0.1 : Math.sqrt(3 / elementCount(shape.slice(1))));
}

describe("torchvision's ResNet-18", () => {
  const workspace = makeWorkspace();
  after(() => workspace.remove());

  it("loads into examples/resnet18-imagenet.amp by --init, and gives PyTorch's logits", async function () {
    this.timeout(300_000);
    const tensors = new Map<string, Tensor>();
    for (const [name, shape, dtype] of expected.state_dict)
      tensors.set(name, { shape, data: dtype === 'int64' ? new Int32Array(1) : drawn(name, shape) });
    const path = workspace.path('resnet18.safetensors');
    await writeSafetensors(path, tensors);
    const options = { backend: 'cpu', precision: 'fp32', batch: expected.size } as const;
    const { plan, backend } = await compileToRun('examples/resnet18-imagenet.amp', options, 'evaluation');
    const executable = await backend.load(plan).catch((error: Error) => skip(this, error.message));
    try {
      const { values, report } = await loadInitial(path, plan);
      assert.deepEqual([report.layout, report.kept, report.unused], ['torch', [], []]);
      const byOrder = report.tensors.filter(({ by }) => by === 'order');
      assert.equal(byOrder.length, 15);
      for (const { name, from } of byOrder)
        assert.equal(from, name.replace('downsample_bn', 'downsample.1').replace(/downsample\.weight/, 'downsample.0.weight'));
      await executable.writeStates(initialStates(plan, 0));
      await executable.writeStates(values);
      const { batch } = plan.functions.find(({ name }) => name === 'eval_step')!;
      const image = new Uint8Array(batch * expected.side ** 2 * 3);
      image.set(deterministicBatch(0, expected.size, expected.side, expected.share).image);
      await executable.call('eval_step', { image, label: new Int32Array(batch) });
      const logits = await executable.readOutput('logits');
      const most = Math.max(...expected.logits.map(Math.abs));
      const furthest = Math.max(...expected.logits.map((value, i) => Math.abs(value - logits[i]!)));
      assert.ok(furthest <= 1e-4 * most, `${furthest / most}`);
    } finally {
      await executable.dispose();
    }
  });
});
