import assert from 'node:assert/strict';
import type { InstructionSet } from '../../src/codegen/c/target.js';
import { FLOAT_TYPES, type FloatType } from '../../src/ir/types.js';
import type { OpName } from '../../src/ops/index.js';
import type { Compiler } from '../../src/runtime/cpu/compiler.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import type { Elements } from '../../src/runtime/reference/kernel.js';
import { type OpCase, opCase, SAMPLED_OPS } from '../ops/cases.js';
import { skip } from '../support/skip.js';
import { batchPlan, readCaseStates, runCase } from './batch.js';
import { compilePlan, compilerNamed, runnableSets } from './compile.js';

/** Ops that are one rounding, or none: the cpu's bits are the reference's. */
const EXACT: ReadonlySet<OpName> = new Set<OpName>([
  'relu',
  'relu_grad',
  'relu6',
  'relu6_grad',
  'leaky_relu',
  'leaky_relu_grad',
  'add',
  'sub',
  'mul',
  'scale',
  'cast',
  'dropout',
  'reshape',
  'concat',
  'slice',
  'max_pool2d',
  'max_pool2d_index',
  'global_avg_pool_grad',
  'correct_count',
  'scale_loss',
  'scale_loss_grad',
  'all_finite',
  'unscale',
  'clip_by_norm',
  'update_scale',
  'accumulate',
  'reset',
  'advance',
]);

/** Share of the largest result that sums and curves in f32 may be off by. */
const TOLERANCE = 1e-6;
/** Half a unit in the last place, relative, of each format: what rounding another f32 can add. */
const HALF_UNIT: Readonly<Record<string, number>> = { f16: 2 ** -10, bf16: 2 ** -7 };

function assertClose(got: ArrayLike<number>, want: ArrayLike<number>, allowed: (x: number) => number, what: string): void {
  assert.equal(got.length, want.length, what);
  for (let i = 0; i < want.length; i += 1) {
    const [a, b] = [got[i]!, want[i]!];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    assert.ok(Math.abs(a - b) <= allowed(b), `${what}: element ${i} is ${a}, the reference has ${b}`);
  }
}

function largest(values: ArrayLike<number>): number {
  let most = 1e-30;
  for (let i = 0; i < values.length; i += 1) if (Number.isFinite(values[i])) most = Math.max(most, Math.abs(values[i]!));
  return most;
}

async function checkCases(
  cases: readonly OpCase[],
  choices: { readonly isa?: InstructionSet; readonly compiler?: Compiler },
): Promise<void> {
  const executable = await compilePlan(batchPlan(cases, 'cpu'), choices);
  try {
    for (const [index, item] of cases.entries()) {
      const { op, graph, node, inputs, states, seed } = item;
      const got = await runCase(executable, item, index);
      const { values, writes } = evaluateGraph(graph, inputs, states as ReadonlyMap<string, Elements>);
      const want = values.get(graph.outputs.result!)!;
      const { dtype, shape } = graph.nodes[node]!.type;
      const unit = HALF_UNIT[dtype] ?? 0;
      const what = `${op} ${dtype}[${shape.join(',')}] seed ${seed}`;
      const allow = (reference: ArrayLike<number>) => {
        const most = largest(reference);
        return (x: number) => (EXACT.has(op) ? 0 : TOLERANCE * most + unit * Math.abs(x));
      };
      assertClose(got, want, allow(want), what);
      const after = await readCaseStates(executable, [...writes.keys()], index);
      for (const [name, elements] of writes) assertClose(after.get(name)!, elements, allow(elements), `${what}, state ${name}`);
    }
  } finally {
    await executable.dispose();
  }
}

function casesFor(seeds: readonly number[], formats: readonly FloatType[]): OpCase[] {
  return SAMPLED_OPS.flatMap((op) => seeds.flatMap((seed) => formats.map((dtype) => opCase(op, dtype, seed))));
}

/** One case of every op, the formats taking turns. */
function someCases(seed: number): OpCase[] {
  return SAMPLED_OPS.map((op, i) => opCase(op, FLOAT_TYPES[(i + seed) % FLOAT_TYPES.length]!, seed));
}

describe('generated C against the reference', () => {
  for (const dtype of FLOAT_TYPES) {
    it(`computes every op in ${dtype}`, async function () {
      this.timeout(300_000);
      await checkCases(casesFor([1, 2], [dtype]), {});
    });
  }

  for (const [offset, isa] of (['avx512', 'avx2', 'plain'] as const).entries()) {
    it(`computes every op with ${isa} instructions`, async function () {
      this.timeout(300_000);
      const compiler = await compilerNamed();
      if (compiler === undefined || !(await runnableSets(compiler)).includes(isa)) skip(this, `this processor does not run ${isa}`);
      await checkCases(someCases(10 + offset), { isa });
    });
  }

  for (const name of ['gcc', 'clang']) {
    it(`computes every op when ${name} compiles it, without a warning`, async function () {
      this.timeout(300_000);
      const compiler = await compilerNamed(name);
      if (compiler === undefined) skip(this, `${name} is not installed`);
      await checkCases(someCases(20), { compiler });
    });
  }
});
