import type { Node, ValueId } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import { isRowTotal, readsLabels, totalDivisor } from '../../ops/row-totals.js';
import type { Expression } from '../formula/expression.js';
import { type Leaves, Writer } from '../formula/render.js';
import type { RowFormula, RowNumber } from '../formula/row-formula.js';
import { ROWS, type RowWriter, rowStatements, unlabelled, unlabelledRow } from '../formula/rows.js';
import type { GroupContext } from './context.js';
import { type Dispatch, finishFlat, indent, type Kernel } from './kernel.js';
import type { Place } from './layout.js';
import { leavesAt } from './leaves.js';
import { Locals, storedValue } from './locals.js';
import { sumInOrder } from './totals.js';

/** How an invocation comes to a number of its row: declarations, the statements for one column, and what follows the loop. */
interface Reducer {
  readonly before: readonly string[];
  readonly take: (value: string) => readonly string[];
  readonly after: readonly string[];
}

/** Sums are kept with what each addition rounds off: rows may be long. */
function reducerOf(
  { by, name }: Omit<RowNumber, 'by'> & { readonly by: Exclude<RowNumber['by'], 'at_label'> },
  length: number,
  { helper, team }: Kernel,
): Reducer {
  const terms = `${name}_terms`;
  const before = [`var ${terms} = vec2f();`];
  const joined = team === undefined ? [] : [team.join('sum', terms)];
  switch (by) {
    case 'sum':
      return {
        before,
        take: (value) => [`${terms} = ${helper('add_term')}(${terms}, ${value});`],
        after: [...joined, `let ${name} = ${helper('sum_of')}(${terms});`],
      };
    case 'mean':
    case 'mean_of_squares': {
      const term = (value: string) => (by === 'mean' ? value : `${value} * ${value}`);
      return {
        before,
        take: (value) => [`${terms} = ${helper('add_term')}(${terms}, ${term(value)});`],
        after: [...joined, `let ${name} = ${helper('mean_of')}(${terms}, ${length}.0f);`],
      };
    }
    case 'largest':
      return {
        before: [`var ${name} = -${helper('inf')}();`],
        take: (value) => [`${name} = max(${name}, ${value});`],
        after: team === undefined ? [] : [team.join('largest', name)],
      };
    case 'first_largest':
      return {
        before: [`var ${name}_best = -${helper('inf')}();`, `var ${name} = 0;`],
        take: (value) => [
          `if (c == 0u || ${value} > ${name}_best) {`,
          `  ${name}_best = ${value};`,
          // Behind a NaN no column counts.
          `  ${name} = select(i32(c), ${name}, ${name} < 0);`,
          '}',
          `${name} = select(${name}, -1, ${helper('is_nan')}(${value}));`,
        ],
        after: team === undefined ? [] : [team.joinFirst(`${name}_best`, name)],
      };
  }
}

/** Where the formula of a node finds its operands, which have other shapes than the result. */
function rowLeaves(locals: Locals, node: Node): Leaves {
  return { ...leavesAt(locals, node), operand: (index) => locals.value(node.inputs[index]!) };
}

interface RowLoop {
  readonly context: GroupContext;
  readonly kernel: Kernel;
  readonly node: Node;
  readonly length: number;
  readonly share: Share;
  /** One number for each invocation, for ops that sum over rows. */
  readonly partial: Place | undefined;
}

/** What of a row an invocation has: all of it, the element `c` alone, or one of so many parts, `part`. */
type Share = { readonly kind: 'row' } | { readonly kind: 'element' } | { readonly kind: 'part'; readonly parts: number };

/** Invocations that keep a device busy, and the fewest columns of a part. */
const ENOUGH = 16384;
const LEAST_COLUMNS = 64;

/**
 * How the work of a row is divided: elements that need nothing of their row but its label are computed by themselves, and where the row's
 * share of a total is a sum over its columns, those of parts add up to it.
 */
function shareOf({ steps, result }: RowFormula, rows: number, length: number): Share {
  if (steps.length === 0 && 'each' in result) return { kind: 'element' };
  const [step] = steps;
  const sum = steps.length === 1 && 'loop' in step! && step.loop.length === 1 ? step.loop[0]! : undefined;
  const form = 'share' in result ? result.share.form : undefined;
  const isSum = sum?.by === 'sum' && form?.kind === 'parameter' && form.name === sum.name;
  const parts = Math.min(Math.floor(length / LEAST_COLUMNS), Math.ceil(ENOUGH / rows));
  return isSum && parts > 1 ? { kind: 'part', parts } : { kind: 'row' };
}

/** How many share what the others have one invocation for. */
function lanesOf(share: Share, { team }: Kernel): number {
  return share.kind === 'element' || team === undefined ? 1 : team.lanes;
}

/** Statements that say which row, and what of it, the invocation `i` has. */
function whereOf(share: Share, length: number, lanes: number): string[] {
  const [i, lane] = lanes === 1 ? ['i', []] : [`i / ${lanes}u`, [`let lane = i % ${lanes}u;`]];
  if (share.kind === 'row') return [`let row = ${i};`, ...lane];
  if (share.kind === 'element') return [`let row = i / ${length}u;`, `let c = i % ${length}u;`];
  return [`let row = ${i} / ${share.parts}u;`, `let part = ${i} % ${share.parts}u;`, ...lane];
}

/** Writes the formula of one row, `row`, a column at a time: one invocation, or a team of them, has one row, or some of it. */
function rowWriter({ context, kernel, node, length, share, partial }: RowLoop): RowWriter<string> {
  const type = context.storage(node.id);
  const lanes = lanesOf(share, kernel);
  /** A store that one invocation makes for all that share its row. */
  const once = (store: string) => (lanes === 1 ? store : `if (lane == 0u) { ${store} }`);
  const atColumn = (body: (locals: Locals, writer: Writer) => void): string[] => {
    const locals = new Locals(context, kernel, { index: `row * ${length}u + c`, channel: 'c' });
    body(locals, new Writer(kernel.renderer, rowLeaves(locals, node)));
    return locals.lines;
  };
  const each = (lines: readonly string[]) => {
    if (share.kind === 'element') return [...lines];
    const columns = share.kind === 'part' ? Math.ceil(length / share.parts) : length;
    const [from, to] = share.kind === 'part' ? [`part * ${columns}u`, `min(${length}u, (part + 1u) * ${columns}u)`] : ['0u', `${length}u`];
    const [first, step] = lanes === 1 ? [from, 'c++'] : [from === '0u' ? 'lane' : `${from} + lane`, `c += ${lanes}u`];
    return [`for (var c = ${first}; c < ${to}; ${step}) {`, ...indent(lines), '}'];
  };
  const ofRow = (value: Expression, use: (text: string) => string): string[] => {
    const locals = new Locals(context, kernel, { index: 'row' });
    const text = new Writer(kernel.renderer, rowLeaves(locals, node)).write(value);
    return [...locals.lines, use(text)];
  };
  const target = () => kernel.write(context.place(node.id), type);
  /** The term at the row's label, which is a column. */
  const atLabel = ({ name, term }: RowNumber): string[] => [
    `var ${name} = 0.0f;`,
    '{',
    ...indent(['let c = u32(label);', ...atColumn((locals, writer) => locals.lines.push(`${name} = ${writer.write(term)};`))]),
    '}',
  ];
  return {
    loop: (numbers) => {
      const looped = numbers.flatMap((one) => {
        const { by } = one;
        return by === 'at_label' ? [] : [{ term: one.term, reducer: reducerOf({ ...one, by }, length, kernel) }];
      });
      const inside = atColumn((locals, writer) => {
        for (const { term, reducer } of looped) locals.lines.push(...reducer.take(writer.write(term)));
      });
      return [
        ...looped.flatMap(({ reducer }) => reducer.before),
        ...(looped.length === 0 ? [] : each(inside)),
        ...looped.flatMap(({ reducer }) => reducer.after),
        ...numbers.filter(({ by }) => by === 'at_label').flatMap(atLabel),
      ];
    },
    declare: (name, value) => ofRow(value, (text) => `let ${name} = ${text};`),
    each: (value) =>
      each(
        atColumn((locals, writer) => {
          locals.define(node.id, writer.at(value, 'element').text);
          locals.store(node.id);
        }),
      ),
    number: (value, index, of) => ofRow(value, (text) => once(`${target()}[${of}u * row + ${index}u] = ${storedValue(type, text)};`)),
    share: (value) => ofRow(value, (text) => once(`${kernel.write(partial!, 'f32')}[${lanes === 1 ? 'i' : `i / ${lanes}u`}] = ${text};`)),
  };
}

/** One op over the last axis, an invocation or a team for each row or part of one; then, for a loss or a count, the sum over rows. */
export function emitRows(context: GroupContext, id: ValueId): Dispatch[] {
  const node = context.node(id);
  const kernel = context.newKernel();
  const { shape } = context.type(node.inputs[0]!);
  const length = shape.at(-1)!;
  const rows = context.count(node.inputs[0]!) / length;
  const formula = ROWS[node.op as OpOfKind<'rows'>](node, shape);
  const share = shareOf(formula, rows, length);
  const count = share.kind === 'row' ? rows : rows * (share.kind === 'part' ? share.parts : length);
  const partial: Place | undefined = isRowTotal(node.op) ? context.reserve(count * 4) : undefined;
  const writer = rowWriter({ context, kernel, node, length, share, partial });
  const label = readsLabels(node.op)
    ? [
        `let label = ${kernel.read(context.place(node.inputs[1]!), 'i32', 'row')};`,
        `if (${unlabelled(formula)}) {`,
        ...indent([...unlabelledRow(formula, writer), 'return;']),
        '}',
      ]
    : [];
  const { matrixRows } = formula;
  const place = matrixRows === undefined ? [] : [`let place = i32(row % ${matrixRows}u);`];
  const lanes = lanesOf(share, kernel);
  const body = [...whereOf(share, length, lanes), ...label, ...place, ...rowStatements(formula, writer)];
  const dispatch = finishFlat(kernel, context.label([id]), count * lanes, context.target.limits, body);
  if (partial === undefined) return [dispatch];
  const divisor = totalDivisor(node.op, rows, length);
  const result = divisor === undefined ? 'i32(total0)' : `total0 / ${divisor}.0f`;
  return [dispatch, sumInOrder(context, id, { place: partial, count }, () => result)];
}
