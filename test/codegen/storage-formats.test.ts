import assert from 'node:assert/strict';
import koffi from 'koffi';
import { emitC } from '../../src/codegen/c/emit.js';
import { prelude } from '../../src/codegen/c/prelude.js';
import { INSTRUCTION_SETS, type InstructionSet, targetFor } from '../../src/codegen/c/target.js';
import { emitWgsl } from '../../src/codegen/wgsl/emit.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { COMPUTE_TYPES, type DType, type Graph } from '../../src/ir/types.js';
import { validateGraph } from '../../src/ir/validate.js';
import { encode, widen } from '../../src/numeric/encoding.js';
import { STORAGE_TYPES, type StorageType } from '../../src/numeric/formats.js';
import { emit } from '../../src/ops/emit.js';
import { opRules } from '../../src/ops/rules.js';
import { parsePlan } from '../../src/plan/parse.js';
import type { Plan } from '../../src/plan/plan.js';
import { planGraph } from '../../src/plan/plan-graph.js';
import { printPlan } from '../../src/plan/print.js';
import { defaultTarget } from '../../src/plan/target.js';
import type { Executable } from '../../src/runtime/backend.js';
import { buildLibrary } from '../../src/runtime/cpu/cache.js';
import { detectTarget } from '../../src/runtime/cpu/detect.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { refuseFormats } from '../../src/runtime/refuse-formats.js';
import { skip } from '../support/skip.js';
import { compilePlan, compilerNamed, runnableSets } from './compile.js';

/**
 * Every exponent of f32 with fractions at, below and above every tie of three bits, of both signs; NaNs, infinities, and random patterns.
 */
function awkwardFloats(): Float32Array {
  const bits: number[] = [];
  for (let high = 0; high < 0x10000; high += 8)
    for (const low of [0, 1, 0x40000, 0x3ffff, 0x40001, 0x7ffff]) bits.push(((high << 16) | low) >>> 0);
  for (let i = 1, word = 1; i < 20_000; i += 1) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
    bits.push(word);
  }
  while (bits.length % 64 !== 5) bits.push(0x3f800000);
  return new Float32Array(Uint32Array.from(bits).buffer);
}

/** Casts a state to the format, and on from there to another one. */
function castGraph(dtype: StorageType, to: DType, count: number): Graph {
  const builder = new GraphBuilder();
  const attrs = { name: 'x', role: 'parameter', init: 'constant', value: 0 };
  const x = builder.add({ op: 'state', attrs, type: { dtype: 'f32', shape: [count] } });
  const y = builder.add({ op: 'state', attrs: { ...attrs, name: 'y' }, type: { dtype: 'f32', shape: [] } });
  const why = { why: 'test: cast' };
  const stored = emit(builder, 'cast', [x], { to: dtype }, why);
  const scalar = emit(builder, 'cast', [y], { to: dtype }, why);
  return builder.finish('eval_step', { stored, back: emit(builder, 'cast', [stored], { to }, why), scalar });
}

const CPU = defaultTarget('cpu');

function planOf(graph: Graph): Plan {
  validateGraph(graph, opRules);
  return { model: 'casts', policy: 'mixed', precision: 'f32', target: CPU, functions: [planGraph(graph, 1, CPU)] };
}

const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

async function run(executable: Executable, x: Float32Array, y: number) {
  try {
    await executable.writeStates(
      new Map([
        ['x', x],
        ['y', Float32Array.of(y)],
      ]),
    );
    await executable.call('eval_step', {}, { trace: true });
    const [scalars] = await executable.drain();
    const read = async (name: string) => bitsOf(await executable.readOutput(name));
    return { stored: await read('stored'), back: await read('back'), scalar: scalars!.scalar, trace: await executable.nonFinite() };
  } finally {
    await executable.dispose();
  }
}

async function requireSet(context: Mocha.Context, isa: InstructionSet): Promise<void> {
  const compiler = await compilerNamed();
  if (compiler === undefined || !(await runnableSets(compiler)).includes(isa)) skip(context, `this processor does not run ${isa}`);
}

const WRAPPERS = (dtype: StorageType) => String.raw`
#define EXPORT __attribute__((visibility("default")))
EXPORT void widen(const uint8_t *in, float *out, float *single, int64_t count) {
  for (int64_t i = 0; i < count; i += LANES) store_f32(out + i, load_${dtype}(in + i));
  for (int64_t i = 0; i < count; i++) single[i] = ${dtype}_to_f32(in[i]);
}
`;

describe('storage formats', () => {
  const x = awkwardFloats();

  for (const isa of INSTRUCTION_SETS.filter((name) => (name === 'neon') === (process.arch === 'arm64'))) {
    for (const dtype of STORAGE_TYPES) {
      it(`casts to ${dtype} and back have the reference's bits in C for ${isa}`, async function () {
        this.timeout(120_000);
        await requireSet(this, isa);
        for (const to of [...COMPUTE_TYPES, ...STORAGE_TYPES.filter((other) => other !== dtype)]) {
          const plan = planOf(castGraph(dtype, to, x.length));
          const expected = await run(await createReference().load(plan), x, 0.3);
          assert.deepEqual(await run(await compilePlan(plan, { isa }), x, 0.3), expected, to);
          assert.ok(expected.trace !== undefined, 'a NaN is found');
        }
      });

      it(`reads all 256 patterns of ${dtype} in C for ${isa}`, async function () {
        this.timeout(60_000);
        await requireSet(this, isa);
        const compiler = (await compilerNamed())!;
        const target = targetFor(isa, (await detectTarget(compiler)).arch);
        const sizes = { states: 1, arena: 1, workspace: 1, groups: 1, places: 0 };
        const { path } = await buildLibrary(prelude(target, sizes, [dtype]) + WRAPPERS(dtype), compiler, target, ['-Wno-unused-function']);
        const call = koffi.load(path).func('void widen(const void *in, void *out, void *single, int64_t count)');
        const patterns = Uint8Array.from({ length: 256 }, (_, i) => i);
        const [out, single] = [new Float32Array(256), new Float32Array(256)];
        call(patterns, out, single, 256);
        assert.deepEqual(bitsOf(out), bitsOf(widen(dtype, patterns)));
        assert.deepEqual(bitsOf(single), bitsOf(out));
      });
    }
  }

  it('are stored in a byte', () => {
    const plan = planOf(castGraph('f8_e4m3', 'f16', 640));
    assert.equal(plan.functions[0]!.memory.allocations.find(({ size }) => size === 640) !== undefined, true);
    assert.equal(encode('f8_e4m3', 0.3), 0x2a);
  });

  it('round-trip through the text of a plan', () => {
    const plan = planOf(castGraph('f8_e5m2', 'f8_e4m3', 7));
    assert.match(printPlan(plan), /f8_e5m2\[7\]/);
    assert.deepEqual(parsePlan(printPlan(plan)), plan);
  });

  it('add nothing to the C of a plan without them', () => {
    const target = targetFor('plain', 'other');
    const text = (plan: Plan) => emitC(plan, target).text;
    assert.match(text(planOf(castGraph('f8_e4m3', 'f32', 8))), /f8_e4m3_narrow/);
    assert.doesNotMatch(text(planOf(castGraph('f8_e4m3', 'f32', 8))), /f8_e5m2/);
    assert.doesNotMatch(prelude(target, { states: 1, arena: 1, workspace: 1, groups: 1, places: 0 }), /f8_/);
  });

  it('are refused by ops other than casts', () => {
    const builder = new GraphBuilder();
    const type = { dtype: 'f8_e4m3', shape: [4] } as const;
    const x8 = builder.add({
      op: 'cast',
      inputs: [builder.add({ op: 'input', attrs: { name: 'x' }, type: { ...type, dtype: 'f32' } })],
      attrs: { to: 'f8_e4m3' },
      type,
    });
    const graph = builder.finish('eval_step', { y: builder.add({ op: 'relu', inputs: [x8], type }) });
    assert.throws(() => validateGraph(graph, opRules), /relu: does nothing in f8_e4m3: only casts read and make it/);
  });

  it('are refused by name where a backend has none', () => {
    const plan = planOf(castGraph('f8_e4m3', 'f16', 8));
    assert.throws(
      () => refuseFormats(plan, 'webgpu', (dtype) => dtype !== 'f8_e4m3'),
      (error: UserError) => error instanceof UserError && /the webgpu backend has no f8_e4m3/.test(error.message),
    );
    assert.throws(() => emitWgsl(plan), /WGSL has no f8_e4m3/);
  });
});
