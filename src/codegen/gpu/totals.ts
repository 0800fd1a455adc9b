import type { ValueId } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import { Writer } from '../formula/render.js';
import { TOTALS, type Total } from '../formula/totals.js';
import type { GroupContext } from './context.js';
import { type Dispatch, finishFlat, indent, type Kernel } from './kernel.js';
import type { Place } from './layout.js';
import { leavesAt } from './leaves.js';
import { Locals } from './locals.js';

/** Numbers of one kind that wait in memory to be added: `planes` of `count` each, one behind the other. */
interface Terms {
  readonly place: Place;
  readonly count: number;
  readonly planes?: number;
}

/**
 * One workgroup adds f32 numbers: each invocation its own ones in order, then pairs of invocations, with what each addition rounds off.
 * `total0 ..`, the sum of each plane, is in scope of `result`.
 */
export function sumInOrder(
  context: GroupContext,
  id: ValueId,
  { place, count, planes = 1 }: Terms,
  result: (kernel: Kernel) => string,
): Dispatch {
  const kernel = context.newKernel();
  const size = Math.min(256, context.target.limits.workgroupInvocations);
  kernel.shared('sums', 'vec2f', size);
  const target = kernel.write(context.place(id), context.storage(id));
  const term = (p: number) => kernel.read(place, 'f32', `k + ${p * count}u`);
  const plane = (p: number) => [
    `var sum${p} = vec2f();`,
    `for (var k = lid; k < ${count}u; k += ${size}u) { sum${p} = ${kernel.helper('add_term')}(sum${p}, ${term(p)}); }`,
    `sums[lid] = sum${p};`,
    kernel.barrier,
    `for (var width = ${size / 2}u; width > 0u; width = width >> 1u) {`,
    `  if (lid < width) { sums[lid] = ${kernel.helper('add_pair')}(sums[lid], sums[lid + width]); }`,
    `  ${kernel.barrier}`,
    '}',
    `let total${p} = ${kernel.helper('sum_of')}(sums[0]);`,
    kernel.barrier,
  ];
  return kernel.finish(
    `${context.label([id])}, total`,
    size,
    [1, 1, 1],
    [...Array.from({ length: planes }, (_, p) => plane(p)).flat(), `if (lid == 0u) { ${target}[0] = ${result(kernel)}; }`],
  );
}

/** How elements come to a total: statement by statement, in as many sums as there are planes; then the number that those are. */
interface TotalSums {
  readonly planes: number;
  readonly take: (kernel: Kernel, term: string) => readonly string[];
  readonly result: (kernel: Kernel) => string;
}

const SUMS: Readonly<Record<Total['of'], TotalSums>> = {
  // What fails is counted.
  all: {
    planes: 1,
    take: ({ helper }, term) => [`sum0 = ${helper('add_term')}(sum0, select(1.0f, 0.0f, ${term}));`],
    result: () => 'select(0u, 1u, total0 == 0.0f)',
  },
  norm: {
    planes: 3,
    take: ({ helper }, term) => [
      `let squares = ${helper('squares_of')}(${term});`,
      ...['x', 'y', 'z'].map((part, p) => `sum${p} = ${helper('add_term')}(sum${p}, squares.${part});`),
    ],
    result: ({ helper }) => `${helper('norm_of')}(total0, total1, total2)`,
  },
};

/** Every invocation takes elements at equal distances; what it finds is added up in a second kernel. */
export function emitTotal(context: GroupContext, id: ValueId): Dispatch[] {
  const node = context.node(id);
  const { op, inputs } = node;
  const { of, term } = TOTALS[op as OpOfKind<'total'>];
  const rule = SUMS[of];
  const planes = Array.from({ length: rule.planes }, (_, p) => p);
  const {
    limits,
    limits: { storageBuffers },
  } = context.target;
  const dispatches: Dispatch[] = [];
  const partialCount = inputs.reduce((sum, input) => sum + invocationsFor(context, input), 0);
  const partials = context.reserve(rule.planes * partialCount * 4);
  let first = 0;
  for (const input of inputs) {
    const kernel = context.newKernel();
    const count = context.count(input);
    const invocations = invocationsFor(context, input);
    const [end, step] = [kernel.number(count), kernel.number(invocations)];
    const own = planes.map((p) => kernel.number(p * partialCount + first));
    const locals = new Locals(context, kernel, { index: 'at' });
    const operand = () => locals.value(input);
    const lines = rule.take(kernel, new Writer(kernel.renderer, { ...leavesAt(locals, node), operand }).write(term));
    if (kernel.bindingCount >= storageBuffers) throw new Error(`${op} reads too many values at once`);
    const dispatch = finishFlat(kernel, context.label([id]), invocations, limits, [
      ...planes.map((p) => `var sum${p} = vec2f();`),
      `for (var at = i; at < ${end}; at += ${step}) {`,
      ...indent([...locals.lines, ...lines]),
      '}',
      ...planes.map((p) => `${kernel.write(partials, 'f32')}[i + ${own[p]}] = ${kernel.helper('sum_of')}(sum${p});`),
    ]);
    dispatches.push({ ...dispatch, apart: true });
    first += invocations;
  }
  return [...dispatches, sumInOrder(context, id, { place: partials, count: partialCount, planes: rule.planes }, rule.result)];
}

function invocationsFor(context: GroupContext, id: ValueId): number {
  return Math.min(4096, Math.ceil(context.count(id) / 8));
}
