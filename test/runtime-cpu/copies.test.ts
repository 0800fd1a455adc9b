import assert from 'node:assert/strict';
import { createBackend } from '../../src/runtime/cpu/index.js';
import type { Dataset, ImageSet } from '../../src/training/data/dataset.js';
import { train } from '../../src/training/loop.js';
import { initialStates } from '../../src/training/states.js';
import { linearStack } from '../support/deep.js';
import { type ProgramOptions, planOf, programOf } from '../support/network.js';
import { inTemporaryFolder } from '../training/support/fake.js';

function noise(count: number): ImageSet {
  const images = Uint8Array.from({ length: count * 8 * 8 * 3 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 9) & 255);
  return { images, labels: Int32Array.from({ length: count }, (_, i) => i % 10), count, shape: [8, 8, 3] };
}

describe('copies of the states', function () {
  this.timeout(60_000);

  it('are read into arrays that are no longer needed, where these fit', async () => {
    const plan = planOf(linearStack(1));
    const executable = await createBackend().load(plan, { threads: 1 });
    try {
      const states = initialStates(plan, 1);
      await executable.writeStates(states);
      const weight = states.get('linear_1.weight')!;
      const wanted = Float32Array.from(weight);
      weight.fill(0);
      const short = new Float32Array(1);
      const read = await executable.readStates(undefined, new Map([...states, ['linear_1.bias', short]]));
      assert.equal(read.get('linear_1.weight'), weight);
      assert.deepEqual(weight, wanted);
      assert.notEqual(read.get('linear_1.bias'), short);
    } finally {
      await executable.dispose();
    }
  });

  for (const compute of ['f16', 'f32'] as const) {
    it(`are one beside the device's in ${compute}, through checkpoints, epochs and the end of a run`, async () => {
      const lossScaling = compute === 'f16' ? ({ kind: 'static', scale: 2 } as const) : undefined;
      const options: ProgramOptions = { batch: 8, precision: { compute, lossScaling } };
      const { recipe } = programOf(linearStack(1), options);
      const plan = planOf(linearStack(1), options);
      const executable = await createBackend().load(plan, { threads: 1 });
      const arrays = new Set<unknown>();
      let reads = 0;
      const write = executable.writeStates.bind(executable);
      const read = executable.readStates.bind(executable);
      executable.writeStates = (values) => {
        arrays.add(values.get('linear_1.weight'));
        return write(values);
      };
      executable.readStates = async (names, into) => {
        const values = await read(names, into);
        if (names === undefined) {
          reads += 1;
          arrays.add(values.get('linear_1.weight'));
        }
        return values;
      };
      const dataset: Dataset = {
        name: 'cifar10',
        classes: Array.from({ length: 10 }, (_, i) => `c${i}`),
        train: noise(64),
        test: noise(16),
      };
      await inTemporaryFolder(async (run) => {
        await train({ plan, executable, recipe, dataset, run, epochs: 2, checkpointSteps: 3 });
      });
      await executable.dispose();
      assert.ok(reads > 5, `${reads} reads`);
      assert.equal(arrays.size, 1);
    });
  }
});
