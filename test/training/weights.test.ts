import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { fnv1a32, uniformAt } from '../../src/random/threefry.js';
import { loadWeights } from '../../src/training/init/load.js';
import { type Tensor, writeSafetensors } from '../../src/training/safetensors.js';
import { initialStates, modelHash, parameterCount, planStates, statesFor } from '../../src/training/states.js';
import { saveWeights } from '../../src/training/weights.js';
import { FakeExecutable, fakePlan, inTemporaryFolder } from './support/fake.js';

describe('states', () => {
  it('lists each state once and counts the parameters', () => {
    const names = planStates(fakePlan({ accumulate: 2 })).map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    assert.equal(parameterCount(fakePlan()), 39);
  });

  it('draws initial weights from seed and name alone', () => {
    const states = initialStates(fakePlan(), 3);
    const weight = states.get('fc.weight');
    assert.ok(weight instanceof Float32Array);
    for (const index of [0, 1, 2, 35]) {
      assert.equal(weight[index], Math.fround(0.1 * (2 * uniformAt(3, fnv1a32('fc.weight'), index, 0) - 1)));
    }
    assert.deepEqual(initialStates(fakePlan({ batch: 8 }), 3), states);
    assert.notDeepEqual(initialStates(fakePlan(), 4).get('fc.weight'), weight);
    assert.deepEqual(states.get('scaler.scale'), Float32Array.of(1024));
    assert.deepEqual(states.get('optimizer.step'), Int32Array.of(0));
  });

  it('go on with another plan, those of the optimizer only if it does', () => {
    const plan = fakePlan();
    const before = new Map([...initialStates(plan, 3)].map(([name, values]) => [name, values.map((x) => x + 1)]));
    const slots = planStates(plan).filter(({ role }) => role === 'optimizer');
    assert.ok(slots.length > 0);
    assert.deepEqual(statesFor(plan, before, 3, true), before);
    const anew = statesFor(plan, before, 3, false);
    for (const { name } of planStates(plan))
      assert.deepEqual(anew.get(name), (slots.some((slot) => slot.name === name) ? initialStates(plan, 3) : before).get(name), name);
  });

  it('hashes a model the same for any batch size', () => {
    assert.equal(modelHash(fakePlan()), modelHash(fakePlan({ evalBatch: 16 })));
  });
});

describe('weights files', () => {
  it('hold parameters and statistics and nothing else', () =>
    inTemporaryFolder(async (dir) => {
      const executable = new FakeExecutable();
      const states = initialStates(fakePlan(), 0);
      await executable.writeStates(states);
      await saveWeights(join(dir, 'w.safetensors'), fakePlan(), await executable.readStates());
      const read = await loadWeights(join(dir, 'w.safetensors'), fakePlan());
      assert.deepEqual([...read.keys()], ['fc.weight', 'fc.bias', 'bn.running_mean']);
      assert.deepEqual(read.get('fc.weight'), states.get('fc.weight'));
    }));

  it('pass over the counts of another framework, but for a name of the model', () =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, 'w.safetensors');
      const header = {
        'fc.weight': { dtype: 'F64', shape: [12, 3], data_offsets: [0, 288] },
        'bn.num_batches_tracked': { dtype: 'I64', shape: [], data_offsets: [288, 296] },
        'fc.bias': { dtype: 'F16', shape: [3], data_offsets: [296, 302] },
        'bn.running_mean': { dtype: 'BF16', shape: [12], data_offsets: [302, 326] },
      };
      const save = (entries: object): Promise<void> => {
        const json = Buffer.from(JSON.stringify(entries));
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(json.length));
        return writeFile(path, Buffer.concat([length, json, Buffer.alloc(326)]));
      };
      await save(header);
      assert.deepEqual([...(await loadWeights(path, fakePlan())).keys()].sort(), ['bn.running_mean', 'fc.bias', 'fc.weight']);
      await save({ ...header, 'fc.bias': { dtype: 'I16', shape: [3], data_offsets: [296, 302] } });
      await assert.rejects(loadWeights(path, fakePlan()), (error) => {
        assert.ok(error instanceof UserError);
        assert.match(
          error.diagnostics[0]?.why ?? '',
          /^different: fc\.bias is I16\[3\] and should be f32\[3\]; numbers of these types are not taken/,
        );
        return true;
      });
    }));

  it('must fit the model exactly; everything that differs is listed', () =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, 'w.safetensors');
      const tensors = new Map<string, Tensor>([
        ['fc.weight', { shape: [3, 12], data: new Float32Array(36) }],
        ['bn.running_mean', { shape: [12], data: new Int32Array(12) }],
        ['fc2.bias', { shape: [1], data: new Float32Array(1) }],
      ]);
      await writeSafetensors(path, tensors);
      await assert.rejects(loadWeights(path, fakePlan()), (error) => {
        assert.ok(error instanceof UserError);
        const why = error.diagnostics[0]?.why ?? '';
        assert.match(why, /missing: fc\.bias/);
        assert.match(why, /not in the model: fc2\.bias/);
        assert.match(why, /fc\.weight is f32\[3,12\] and should be f32\[12,3\]/);
        assert.match(why, /bn\.running_mean is i32\[12\] and should be f32\[12\]/);
        return true;
      });
    }));
});
