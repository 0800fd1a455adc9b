import assert from 'node:assert/strict';
import { emitC } from '../../src/codegen/c/emit.js';
import { INSTRUCTION_SETS, targetFor } from '../../src/codegen/c/target.js';
import { FreeSpace, ownScratch } from '../../src/codegen/c/workspace.js';
import { compile, explainPlan } from '../../src/index.js';
import { footprint } from '../../src/plan/footprint.js';
import { lastReads } from '../../src/plan/memory.js';
import { createBackend } from '../../src/runtime/cpu/index.js';
import { contextFor, workspaceBytes } from '../../src/runtime/cpu/native.js';
import { miniResnet, simpleCnn } from '../support/models.js';
import { planOf } from '../support/network.js';
import { differences, type Outcome, train } from '../support/steps.js';

describe('the memory of a plan on the cpu', function () {
  this.timeout(120_000);

  for (const precision of ['fp32', 'bf16', 'fp16'] as const) {
    it(`is what ampc plan says of SimpleCNN in ${precision}, within 5 %`, async () => {
      const compiled = await compile('examples/simple-cnn.amp', { backend: 'cpu', precision });
      const { memory } = await explainPlan(compiled);
      const executable = await createBackend().load(compiled.plan);
      try {
        const { states, arena, workspace } = executable.memory;
        assert.ok(Math.abs((states + arena + workspace) / memory.total - 1) < 0.05);
        assert.ok(memory.workspace >= workspace && workspace > 0, 'as a part of the workspace');
      } finally {
        await executable.dispose();
      }
    });

    it(`is nearly all in the plan of ResNet-18 in ${precision}, for every instruction set`, async () => {
      const { plan } = await compile('examples/resnet18.amp', { backend: 'cpu', precision });
      for (const isa of INSTRUCTION_SETS) {
        const source = emitC(plan, targetFor(isa, isa === 'neon' ? 'arm64' : 'x64'));
        const beside = workspaceBytes(source, contextFor(source, 2));
        // With 16-bit operands, the transformed weights of the widest convolutions take more than there is room for in the arena.
        assert.ok(beside < (precision === 'fp32' ? 0.05 : 0.1) * footprint(plan).total, `${isa}: ${beside} bytes`);
      }
    });
  }
});

describe('the free space of the arena', () => {
  for (const [name, model] of Object.entries({ simpleCnn, miniResnet })) {
    it(`of ${name} holds nothing that is alive, and is used where it is large enough`, () => {
      const plan = planOf(model, { batch: 8, image: [16, 16, 3] });
      const arena = Math.max(...plan.functions.map((fn) => fn.memory.arena));
      let inside = 0;
      for (const fn of plan.functions) {
        const space = new FreeSpace(fn, arena);
        const last = lastReads(fn.graph, fn.groups);
        for (const group of fn.groups) {
          const alive = fn.memory.allocations.filter(({ value }) => {
            const from = fn.groups.findIndex(({ stores }) => stores.includes(value));
            return from <= group.index && group.index <= last[value]!;
          });
          const free = (offset: number, end: number) => alive.every((a) => a.offset >= end || a.offset + a.size <= offset);
          for (const bytes of [0, 1, 64, 1000, 20_000, arena, 2 * arena]) {
            const at = space.place(group.index, bytes);
            assert.equal(at % 64, 0);
            assert.ok(free(at, at + bytes), `${bytes} bytes at ${at} of ${group.name}`);
            if (bytes > 0 && at + bytes <= arena) inside += 1;
            const { offset, end } = space.largest(group.index, { offset: at, end: at + bytes });
            assert.ok(end <= arena && offset % 64 === 0 && free(offset, end));
            assert.ok(offset >= end || offset >= at + bytes || end <= at, 'apart from the workspace');
          }
        }
      }
      assert.ok(inside > 20, `${inside} found room`);
    });
  }

  it('is used for the scratch of few threads, and blocks of their own for that of many', () => {
    const small = { need: 1000, free: 0 };
    const large = { need: 1 << 20, free: 3 << 20 };
    assert.equal(ownScratch([small, large], 3), 1000);
    assert.equal(ownScratch([small, large], 4), 1 << 20);
    assert.equal(ownScratch([], 4), 64);
  });

  it('gives the same bits wherever the scratch is', async () => {
    // The first linear layer stages half a megabyte of f16 for each thread.
    const plan = planOf(simpleCnn, { batch: 64, image: [32, 32, 3] });
    const runs: Outcome[] = [];
    for (const threads of [1, 2, 40]) runs.push(await train(await createBackend().load(plan, { threads }), plan, 2));
    for (const run of runs) assert.deepEqual(differences(runs[0]!, run), []);
  });
});
