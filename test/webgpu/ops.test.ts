import { DEFAULT_LIMITS, type WgslTarget } from '../../src/codegen/wgsl/target.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { Attrs, ComputeType } from '../../src/ir/types.js';
import { emit } from '../../src/ops/emit.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { loadPlan } from '../../src/runtime/webgpu/index.js';
import { checkAttention, SHAPES } from '../codegen/attention-cases.js';
import { batchPlan, runCase } from '../codegen/batch.js';
import { CaseBuilder, type ContractionCase, checkExactly, contractionCases, rareCases } from '../codegen/contraction-cases.js';
import { repeatCase } from '../codegen/repeat-cases.js';
import { SAMPLED_OPS } from '../ops/cases.js';
import { assertClose, largest } from '../ops/compare.js';
import { namedRandom } from '../ops/random.js';
import { amount, IS_LONG } from '../support/amount.js';
import { needAdapter } from './adapter.js';
import { CONTRACTIONS, casesFor, checkCases } from './cases.js';

/** How contractions are computed: as this adapter has it, and in the ways of others. */
const FORMS: Readonly<Record<string, Partial<WgslTarget>>> = {
  'as this adapter has it': {},
  'with tiles in workgroup memory': { contractions: 'tiles' },
  'where invocations share nothing': { broadcast: undefined },
};

/** The rare cases, every second one: each shape in one of two formats, or each in one of two forms. */
function rareInTurn(formats: readonly ComputeType[], turn = 0): ContractionCase[] {
  return rareCases(formats).filter((_, i) => {
    const [shape, format] = [Math.floor(i / formats.length), i % formats.length];
    return IS_LONG || (shape + format + turn) % 2 === 0;
  });
}

describe('generated WGSL against the reference', () => {
  before(async function () {
    this.timeout(60_000);
    await needAdapter(this);
  });

  for (const dtype of ['f32', 'f16'] as const) {
    it(`computes every op in ${dtype}`, async function () {
      this.timeout(300_000);
      await checkCases(casesFor(SAMPLED_OPS, dtype, 1));
    });

    it(`computes contractions in ${dtype} with tiles in workgroup memory`, async function () {
      this.timeout(300_000);
      const seeds = IS_LONG ? [2, 50] : [dtype === 'f32' ? 2 : 50];
      await checkCases(
        seeds.flatMap((seed) => casesFor(CONTRACTIONS, dtype, seed)),
        { contractions: 'tiles' },
      );
    });

    it(`computes contractions in ${dtype} where invocations share nothing`, async function () {
      this.timeout(300_000);
      await checkCases(casesFor(CONTRACTIONS, dtype, 2), { broadcast: undefined });
    });
  }

  for (const [i, [how, choices]] of Object.entries(FORMS).entries()) {
    it(`computes contractions of random shapes exactly on integers, ${how}`, async function () {
      this.timeout(300_000);
      // A software adapter takes seconds to compile a kernel of the forms that are not its own.
      const formats = ['f32', 'f16'] as const;
      const cases = i === 0 ? [...rareInTurn(formats), ...contractionCases(700, amount(4, 6), formats)] : rareInTurn(['f32'], i);
      await checkExactly(cases, (plan) => loadPlan(plan, choices), 'webgpu');
    });
  }

  it('computes attention without its scores in memory', async function () {
    this.timeout(300_000);
    // Each of its kernels takes a software adapter seconds to compile.
    await checkAttention(['f16'], 'webgpu', loadPlan, SHAPES.slice(0, 1));
    await checkAttention(['f32'], 'webgpu', loadPlan, SHAPES.slice(2, 3));
  });

  it('finds values that are repeated along axes of what reads them', async () => {
    const cases = [2, 3, 4, 5].map((seed) => repeatCase(seed < 4 ? 'f32' : 'f16', seed));
    const executable = await loadPlan(batchPlan(cases, 'webgpu'));
    try {
      for (const [i, item] of cases.entries()) {
        const want = evaluateGraph(item.graph, {}, item.states as ReadonlyMap<string, Float32Array>).values.get(
          item.graph.outputs.result!,
        )!;
        assertClose(
          await runCase(executable, item, i),
          want,
          (x) => 2e-6 * largest(want) + (i < 2 ? 0 : 2 ** -9 * Math.abs(x)),
          item.title,
        );
      }
    } finally {
      await executable.dispose();
    }
  });

  it('computes losses over rows of many numbers in parts, and labels that count for nothing', async () => {
    const cases = (['mse', 'huber'] as const).flatMap((op) =>
      [true, false].map((hasTarget) => {
        const b = new CaseBuilder(namedRandom(op, 7), 'f32', false);
        const label = b.labels([0, -1, 2]);
        const [x, dloss] = [b.full('x', [3, 3001]), b.full('dloss', [])];
        const target = hasTarget ? [b.full('target', [3, 3001])] : [];
        const attrs: Attrs = op === 'huber' ? { delta: 0.5 } : {};
        const loss = b.emit(op, [x, label, ...target], attrs);
        const gradient = b.emit(`${op}_grad`, [x, label, dloss, ...target], attrs);
        return b.finish(`${op}${hasTarget ? ' of targets' : ''}`, { loss, gradient });
      }),
    );
    const executable = await loadPlan(batchPlan(cases, 'webgpu'));
    try {
      for (const [i, item] of cases.entries()) {
        const { values } = evaluateGraph(item.graph, item.inputs, item.states as ReadonlyMap<string, Float32Array>);
        for (const [name, id] of Object.entries(item.graph.outputs)) {
          const want = values.get(id)!;
          assertClose(await runCase(executable, item, i, name), want, () => 2e-6 * largest(want), `${name} of ${item.title}`);
        }
      }
    } finally {
      await executable.dispose();
    }
  });

  it('joins more values than a kernel may read', async () => {
    const states = new Map<string, Float32Array>();
    const builder = new GraphBuilder();
    const parts = Array.from({ length: 2 * DEFAULT_LIMITS.storageBuffers }, (_, i) => {
      const [name, shape] = [`x${i}`, [2, 3, i + 1, 2]];
      states.set(
        name,
        Float32Array.from({ length: 12 * (i + 1) }, (_, k) => 100 * i + k),
      );
      const attrs = { name, role: 'parameter', init: 'constant', value: 0 };
      const state = builder.add({ op: 'state', attrs, type: { dtype: 'f32', shape } });
      return emit(builder, 'scale', [emit(builder, 'cast', [state], { to: 'f16' })], { factor: 0.5 });
    });
    const result = emit(builder, 'scale', [emit(builder, 'concat', parts, { axis: 2 })], { factor: 2 });
    const item = { graph: builder.finish('eval_step', { result }), inputs: {}, states };
    const executable = await loadPlan(batchPlan([item], 'webgpu'), { limits: DEFAULT_LIMITS });
    try {
      const want = evaluateGraph(item.graph, {}, states).values.get(result)!;
      assertClose(await runCase(executable, item, 0), want, () => 0, 'concat');
    } finally {
      await executable.dispose();
    }
  });

  it('has curves that are accurate where they are small', async () => {
    const values = Float32Array.from({ length: 4000 }, (_, i) => (i - 2000) / 25);
    const cases = (['sigmoid', 'silu', 'tanh', 'softmax'] as const).map((op) => {
      const builder = new GraphBuilder();
      const attrs = { name: 'x', role: 'parameter', init: 'constant', value: 0 };
      const x = builder.add({ op: 'state', attrs, type: { dtype: 'f32', shape: [values.length / 2, 2] } });
      const graph = builder.finish('eval_step', { result: emit(builder, op, [x]) });
      return { op, graph, inputs: {}, states: new Map([['x', op === 'softmax' ? values.map((v, i) => (i % 2) * v) : values]]) };
    });
    const executable = await loadPlan(batchPlan(cases, 'webgpu'));
    try {
      for (const [i, item] of cases.entries()) {
        const want = evaluateGraph(item.graph, {}, item.states).values.get(item.graph.outputs.result!)!;
        assertClose(await runCase(executable, item, i), want, (x) => 5e-7 * Math.abs(x), item.op);
      }
    } finally {
      await executable.dispose();
    }
  });
});
