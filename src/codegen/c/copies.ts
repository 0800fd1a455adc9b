import { isConstant } from '../../ir/structure.js';
import type { ValueId } from '../../ir/types.js';
import { elementCount } from '../../ir/types.js';
import { type AxisMap, type CopyMap, type CopySource, strideOf } from '../../ops/copy-map.js';
import { type Code, emit, spelled } from '../code.js';
import { axisIndex, coordinateOf, mapOf, sourceElement } from '../copy-index.js';
import { Locals } from './expression.js';
import { asNumber } from './formats.js';
import { IndexStatements } from './index-statements.js';
import type { KernelContext } from './kernel.js';
import { eachVector, type LoopFunction, loopFunction, partLength } from './loops.js';
import { floatLiteral, indent } from './text.js';
import { isTransposition, transposeFunction } from './transpose.js';

/** A row of the result that is being written: the elements of the map's last axis. */
interface Row {
  readonly context: KernelContext;
  readonly id: ValueId;
  /** C expression: the row's first element. */
  readonly start: Code;
}

/** Stores a value that is made for each vector of the row's elements `from` up to `to`. */
function fillRun({ context, id, start }: Row, from: number, to: number, value: (locals: Locals) => string): Code[] {
  return eachVector(to - from, context.target.lanes, ({ lanes }) => {
    const at = { index: emit`(${start} + ${from} + c)`, channel: 'c', ...(lanes !== undefined && { lanes }) };
    const locals = new Locals(context, at);
    locals.set(id, value(locals));
    locals.store(id);
    return locals.statements;
  });
}

/** Copies consecutive elements of an operand to the row's elements `from` up to `to`, converted between their formats. */
function copyRun(row: Row, operand: ValueId, first: Code, from: number, to: number): Code[] {
  return fillRun(row, from, to, (locals) => {
    const source = new Locals(row.context, { ...locals.at, index: emit`(${first} + c)` });
    const value = source.load(operand);
    locals.statements.push(...source.statements);
    return value;
  });
}

/** One element of an operand, in all lanes. */
function splat(context: KernelContext, operand: ValueId, element: Code): Code {
  const node = context.node(operand);
  const number = isConstant(node)
    ? floatLiteral(Number(node.attrs.value))
    : asNumber(node.type.dtype, emit`${context.pointer(operand)}[${element}]`);
  return emit`vf_set(${number})`;
}

/** Elements that lie side by side in the result, and in the source `source` elements from the row's first on. */
interface Run {
  readonly from: number;
  readonly to: number;
  readonly source: number;
}

/** The elements of the last axis as runs of consecutive elements of the source; undefined where they do not lie so. */
function runsOf({ size, divide, shift, beyond }: AxisMap, length: number): readonly Run[] | undefined {
  if (divide !== 1) return undefined;
  const [from, to] = [Math.max(0, -shift), Math.min(length, size - shift)];
  const inside = { from, to, source: from + shift };
  if (beyond === 'never' || beyond === 'leaves' || (from === 0 && to === length)) return [inside];
  if (beyond !== 'wraps') return undefined;
  const before = { from: 0, to: from, source: shift + size };
  const behind = { from: to, to: length, source: to + shift - size };
  return [before, inside, behind].filter((run) => run.to > run.from);
}

/** The elements of the row that no run covers. */
function gapsOf(runs: readonly Run[], length: number): readonly (readonly [from: number, to: number])[] {
  const ends = [0, ...runs.map(({ to }) => to)];
  const starts = [...runs.map(({ from }) => from), length];
  return starts.flatMap((to, i) => (to > ends[i]! ? [[ends[i]!, to] as const] : []));
}

/** The statements that write what a source gives to the row, and which elements that are. */
interface RowPart {
  readonly runs: readonly Run[];
  readonly lines: readonly Code[];
}

/** `first`: the source's element for index 0 of the last axis, all its other indices being those of the row. */
function writeFrom(row: Row, map: CopyMap, { operand, axes }: CopySource, first: Code): RowPart {
  const { context } = row;
  const input = context.node(row.id).inputs[operand]!;
  const last = map.shape.length - 1;
  const length = map.shape[last]!;
  const whole: readonly Run[] = [{ from: 0, to: length, source: 0 }];
  const place = axes.findIndex(({ of }) => of === last);
  if (place < 0) {
    const lines = [emit`const vf one = ${splat(context, input, first)};`, ...fillRun(row, 0, length, () => 'one')];
    return { runs: whole, lines };
  }
  const runs = place === axes.length - 1 ? runsOf(axes[place]!, length) : undefined;
  if (runs !== undefined) {
    const lines = runs.flatMap(({ from, to, source }) => copyRun(row, input, emit`${first} + ${source}`, from, to));
    return { runs, lines };
  }
  const index = new IndexStatements('inner');
  const { text } = axisIndex(axes[place]!, length, 'c', index);
  const stride = strideOf(
    axes.map(({ size }) => size),
    place,
  );
  const target = new Locals(context, { index: emit`(${row.start} + c)`, channel: 'c', lanes: '1' });
  target.set(row.id, spelled(splat(context, input, emit`${first} + ${text} * ${stride}`)));
  target.store(row.id);
  const lines = [emit`for (int64_t c = 0; c < ${length}; c++) {`, ...indent([...index.statements, ...target.statements]), '}'];
  return { runs: whole, lines };
}

/**
 * The kernel of an op that moves elements: for each row of the last axis of its simplest map, runs of consecutive elements, or one element
 * for all of the row.
 */
export function copyFunction(context: KernelContext, id: ValueId): LoopFunction {
  const node = context.node(id);
  const map = mapOf(context, node);
  if (isTransposition(context, node, map)) return transposeFunction(context, node, map);
  const last = map.shape.length - 1;
  const length = map.shape[last]!;
  const rows = elementCount(map.shape) / length;
  const row: Row = { context, id, start: emit`row * ${length}` };
  const fill = (from: number, to: number) => fillRun(row, from, to, () => `vf_set(${floatLiteral(map.fill)})`);
  const index = new IndexStatements();
  const rowShape = map.shape.slice(0, last);
  const coordinate = (axis: number) => (axis === last ? undefined : coordinateOf(rowShape, axis, 'row'));
  const parts = map.sources.map((source) => {
    const { text, inside } = sourceElement(map, source, coordinate, index);
    const { runs, lines } = writeFrom(row, map, source, text);
    const written = [...lines, ...(map.sources.length > 1 ? [] : gapsOf(runs, length).flatMap(([from, to]) => fill(from, to)))];
    return {
      runs,
      lines:
        inside === undefined
          ? ['{', ...indent(written), '}']
          : [emit`if (${inside}) {`, ...indent(written), '} else {', ...indent(fill(0, length)), '}'],
    };
  });
  const lines = [...index.statements, ...parts.flatMap((part) => part.lines)];
  return {
    code: loopFunction(['for (int64_t row = begin; row < end; row++) {', ...indent(lines), '}']),
    table: context.table,
    range: rows,
    part: partLength(rows, length, 1),
  };
}
