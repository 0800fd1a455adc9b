import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type CudaProgram, emitCuda } from '../../src/codegen/cuda/emit.js';
import { compileProgram } from '../../src/compile.js';
import { lowerProgram } from '../../src/lower/lower.js';
import type { Plan } from '../../src/plan/plan.js';
import { defaultTarget } from '../../src/plan/target.js';
import { simpleCnn } from '../support/models.js';
import { programOf } from '../support/network.js';

function launchesOf({ functions }: CudaProgram) {
  return functions.find(({ name }) => name === 'train_step')!.launches;
}

function example(name: string): Plan {
  const path = `examples/${name}`;
  return compileProgram(lowerProgram({ path, text: readFileSync(path, 'utf8') }), defaultTarget('cuda'));
}

describe('the kernels of a training step on cuda', () => {
  it('are at most 15 for SimpleCNN', () => {
    const plan = compileProgram(programOf(simpleCnn, { image: [32, 32, 3], batch: 64 }), defaultTarget('cuda'));
    const launches = launchesOf(emitCuda(plan));
    assert.ok(launches.length <= 15, `there are ${launches.length}`);
  });

  it('are at most 110 for ResNet-18, with all parameters updated in one or two of them', () => {
    const plan = example('resnet18.amp');
    const program = emitCuda(plan);
    const launches = launchesOf(program);
    assert.ok(launches.length <= 110, `there are ${launches.length}`);
    const step = plan.functions.find(({ name }) => name === 'train_step')!;
    const update = step.groups.findIndex(({ kind }) => kind === 'update');
    const updating = launches.filter(({ groups }) => groups.includes(update));
    assert.ok(updating.length <= 3, `${updating.length} launches update parameters`);
  });

  it('leave registers to what tensor cores add up: bound to few blocks, with no address kept through the sums', () => {
    const inCores = emitCuda(example('resnet18.amp')).kernels.filter(({ functions }) =>
      functions.some((text) => /multiply_\w+\(s/.test(text)),
    );
    assert.ok(inCores.length > 0);
    for (const { name, code, functions } of inCores) {
      const [, threads, blocks] = /KERNEL\((\d+), (\d+)\)/.exec(code) ?? assert.fail(name);
      assert.ok(65_536 / (Number(threads) * Number(blocks)) >= 128, name);
      for (const text of functions.filter((one) => one.includes('copy_wait<0>'))) assert.match(text, /m_first = anew\(/, name);
    }
  });

  it('take no more parameters than a launch may have', () => {
    for (const { places, tables } of launchesOf(emitCuda(example('resnet18.amp')))) {
      const bytes = 8 + 8 * places.length + tables.reduce((sum, table) => sum + 8 * table.places.length + 4 * table.words.length + 4, 0);
      assert.ok(bytes <= 4096, `${bytes} bytes`);
    }
  });
});
