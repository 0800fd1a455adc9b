import assert from 'node:assert/strict';
import { emitC } from '../../src/codegen/c/emit.js';
import { type InstructionSet, preferredTarget, targetFor, targetFromMacros } from '../../src/codegen/c/target.js';
import { compileProgram } from '../../src/compile.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { Graph, ValueId } from '../../src/ir/types.js';
import { lowerProgram } from '../../src/lower/lower.js';
import { emit } from '../../src/ops/emit.js';
import type { Plan } from '../../src/plan/plan.js';
import { planGraph } from '../../src/plan/plan-graph.js';
import { defaultTarget } from '../../src/plan/target.js';
import { compilePlan } from './compile.js';

/** x -> two layers of equal shape: pool, then relu, with names of their own. */
function twins(): Graph {
  const builder = new GraphBuilder();
  const state = (name: string, shape: number[]): ValueId =>
    builder.add({ op: 'state', attrs: { name, role: 'parameter', init: 'constant', value: 0 }, type: { dtype: 'f32', shape } });
  const window = { window: [2, 2], stride: [1, 1], padding: [1, 0, 1, 0] };
  const [a, b] = ['first', 'second'].map((layer) => {
    const pooled = emit(builder, 'avg_pool2d', [state(`${layer}.x`, [2, 4, 4, 3])], window, { layer });
    return emit(builder, 'relu', [pooled], {}, { layer, why: 'follows */ its input' });
  });
  return builder.finish('eval_step', { a: a!, b: b! });
}

const CPU = defaultTarget('cpu');

function planOf(graph: Graph): Plan {
  return { model: 'Twins', policy: 'mixed', precision: 'f32', target: CPU, functions: [planGraph(graph, 2, CPU)] };
}

const TARGET = targetFor('avx2', 'x64');

describe('emitC', () => {
  it('writes one function per group, named after its layer and led by its plan lines', () => {
    const { text } = emitC(planOf(twins()), TARGET);
    assert.match(text, /^\/\*\n \* Twins, policy mixed, f32, for avx2\n/);
    assert.match(text, /static void k_first_avg_pool2d\(void \*const \*p, int64_t task\)/);
    assert.match(text, / \* {3}%0 = avg_pool2d %first\.x \{window=\[2, 2\], stride=\[1, 1\], padding=\[1, 0, 1, 0\]\} : f32\[2,4,4,3\]/);
  });

  it('keeps comments closed whatever the plan says', () => {
    const { text } = emitC(planOf(twins()), TARGET);
    assert.ok(text.includes('follows * / its input'));
  });

  it('shares the code of groups that differ only in where their values are', () => {
    const { text } = emitC(planOf(twins()), TARGET);
    assert.equal(text.match(/^static void k_second/gm), null);
    assert.equal(text.match(/^ *\{k_first_avg_pool2d_launch, /gm)?.length, 2);
  });

  it('shares no code between a convolution of the images and one of values that may be infinite', () => {
    const text = `
      dataset shapes { normalize(mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]) }
      model Net(image: [32, 32, 3]) -> [10] {
        image |> conv2d(3, kernel: 3, padding: 1) |> conv2d(3, kernel: 3, padding: 1) |> conv2d(3, kernel: 3, padding: 1)
          |> global_avg_pool |> linear(10)
      }
      precision { compute bf16 }
      train {
        loss cross_entropy
        optimizer sgd(lr: 0.1)
        batch 2
        epochs 1
        seed 0
      }`;
    const plan = compileProgram(lowerProgram({ path: 'net.amp', text }), CPU);
    const calls = emitC(plan, targetFor('avx512bf16', 'x64')).text.match(/calls_of_eval_step\[\] = \{[^;]*/)![0];
    const runs = [1, 2, 3].map((i) => new RegExp(`\\{(\\w+), .*/\\* conv2d_${i} \\*/`).exec(calls)![1]);
    assert.deepEqual(runs, ['k_conv2d_1_launch', 'k_conv2d_2_launch', 'k_conv2d_2_launch']);
  });

  it('asks ahead for the rows that a depthwise convolution and its sums read and write, not for what its task has just made', () => {
    const text = `
      model Net(image: [32, 32, 3]) -> [10] {
        image |> conv2d(32, kernel: 1) as expand |> batch_norm as norm |> relu6 |> depthwise_conv2d(3, padding: 1) as deep
          |> batch_norm as last |> global_avg_pool |> linear(10)
      }
      precision { compute fp32 }
      train { batch 8 }`;
    const plan = compileProgram(lowerProgram({ path: 'net.amp', text }), CPU);
    const source = emitC(plan, TARGET).text;
    const asked = (name: string) => {
      const [code] = new RegExp(`^static (?:inline )?void k_${name}\\([^]*?^}$`, 'm').exec(source)!;
      return code.match(/__builtin_prefetch/g)?.length ?? 0;
    };
    const forward = ['stage', 'finish8', 'sums'].map((part) => asked(`deep_${part}`));
    assert.deepEqual(forward, [1, 1, 0]);
    // What relu6 masks, beside the result; and what the norm's sums read, in four vectors side by side and in one.
    const backward = ['stage', 'finish8', 'sums'].map((part) => asked(`deep_input_grad_${part}`));
    assert.deepEqual(backward, [1, 2, 5]);
  });

  it('is the same text every time', () => {
    assert.equal(emitC(planOf(twins()), TARGET).text, emitC(planOf(twins()), TARGET).text);
  });

  it('lays states out once for all functions, on cache lines', () => {
    const { states, memory } = emitC(planOf(twins()), TARGET);
    assert.deepEqual([...states.slots.keys()], ['first.x', 'second.x']);
    assert.ok([...states.slots.values()].every(({ offset }) => offset % 64 === 0));
    assert.equal(memory.states, states.bytes);
  });

  it('runs the plan, tells the first non-finite value, and times each kernel', async function () {
    this.timeout(60_000);
    const plan = planOf(twins());
    const executable = await compilePlan(plan);
    try {
      const x = new Float32Array(96).fill(4);
      await executable.writeStates(new Map([['first.x', x]]));
      await executable.call('eval_step', {}, { trace: true });
      assert.equal(await executable.nonFinite(), undefined);
      assert.equal((await executable.readOutput('a'))[95], 4);
      x[50] = Infinity;
      await executable.writeStates(new Map([['second.x', x]]));
      await executable.call('eval_step', {}, { trace: true });
      const { graph } = plan.functions[0]!;
      assert.deepEqual(await executable.nonFinite(), { function: 'eval_step', node: graph.outputs.b });
      const times = await executable.profile('eval_step', {});
      assert.deepEqual(
        times.map((time) => time.group),
        ['first_avg_pool2d', 'second_avg_pool2d'],
      );
      assert.ok(times.every(({ seconds }) => seconds >= 0 && Number.isFinite(seconds)));
    } finally {
      await executable.dispose();
    }
  });
});

describe('targets', () => {
  const macros = (...names: string[]) => names.map((name) => `#define ${name} 1`).join('\n');
  const avx2 = ['__x86_64__', '__AVX2__', '__FMA__', '__F16C__', '__BMI2__'];
  const avx512 = [...avx2, '__AVX512F__', '__AVX512BW__', '__AVX512DQ__', '__AVX512VL__'];

  it('takes the best that the compiler says the processor has', () => {
    assert.equal(targetFromMacros(macros(...avx512, '__AVX512BF16__')).isa, 'avx512bf16');
    assert.equal(targetFromMacros(macros(...avx512)).isa, 'avx512');
    assert.equal(targetFromMacros(macros(...avx2)).isa, 'avx2');
    assert.equal(targetFromMacros(macros('__x86_64__', '__AVX2__')).isa, 'plain');
    assert.equal(targetFromMacros(macros('__aarch64__')).isa, 'neon');
    assert.equal(targetFromMacros(macros('__riscv')).arch, 'other');
  });

  it('takes dot products of bf16 where they are faster than f32, so not on Intel', () => {
    const taken = (isa: InstructionSet, processor: string) => preferredTarget(targetFor(isa, 'x64'), processor).isa;
    assert.equal(taken('avx512bf16', 'AMD EPYC 9634 84-Core Processor'), 'avx512bf16');
    assert.equal(taken('avx512bf16', 'Intel(R) Xeon(R) Processor'), 'avx512');
    assert.equal(taken('avx2', 'Intel(R) Core(TM) i7'), 'avx2');
  });
});
