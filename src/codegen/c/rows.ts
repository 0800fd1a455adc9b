import type { Node, ValueId } from '../../ir/types.js';
import { elementCount } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import { readsLabels, totalDivisor } from '../../ops/row-totals.js';
import { type Code, emit } from '../code.js';
import type { Expression } from '../formula/expression.js';
import { type Leaves, Writer } from '../formula/render.js';
import type { RowNumber } from '../formula/row-formula.js';
import { ROWS, type RowWriter, rowStatements, unlabelled, unlabelledRow } from '../formula/rows.js';
import { Locals } from './expression.js';
import type { KernelContext } from './kernel.js';
import { leavesAt } from './leaves.js';
import { eachVector, type LoopFunction, type LoopOptions, loopFunction, partLength } from './loops.js';
import type { Place } from './place.js';
import { Prologue } from './prologue.js';
import { C_RENDERER } from './render.js';
import { indent } from './text.js';

/** How lanes come to a number of the row: declarations, the statement for one vector, and what follows the loop. */
interface Reducer {
  readonly before: readonly Code[];
  /** `masked` gives the lanes that count, and elsewhere a number. */
  readonly take: (value: string, masked: (fill: string) => string, locals: Locals) => string;
  readonly after: readonly Code[];
}

/** Sums are kept in double: rows may be long. */
function reducerOf({ by, name, wide }: RowNumber, length: number): Reducer {
  const lanes = `${name}_lanes`;
  const declare = (sum: string) => (wide === true ? `const double ${name} = ${sum};` : `const float ${name} = (float)${sum};`);
  switch (by) {
    case 'sum':
    case 'mean':
      return {
        before: [`vw ${lanes} = {{0}};`],
        take: (_, masked) => `${lanes} = vw_add(${lanes}, ${masked('0.0f')});`,
        after: [declare(by === 'sum' ? `vw_sum(${lanes})` : `(vw_sum(${lanes}) / ${length})`)],
      };
    case 'mean_of_squares':
      return {
        before: [`vw ${lanes} = {{0}};`],
        take: (_, masked) => `${lanes} = vw_add_square(${lanes}, ${masked('0.0f')});`,
        after: [declare(`(vw_sum(${lanes}) / ${length})`)],
      };
    case 'largest':
      return {
        before: [`vf ${lanes} = vf_set(-INFINITY);`],
        take: (_, masked) => `${lanes} = vf_max(${lanes}, ${masked('-INFINITY')});`,
        after: [`const float ${name} = vf_max_lane(${lanes});`],
      };
    case 'at_label':
      return {
        before: [`vf ${lanes} = vf_set(0.0f);`],
        take: (value, _, locals) => `${lanes} += vf_and(vi_lanes() + vi_set((int32_t)${locals.at.channel}) == vi_set(label), ${value});`,
        after: [`const float ${name} = vf_sum(${lanes});`],
      };
    case 'first_largest':
      // Of each lane its largest and where that came first; a NaN stays, and is equal to nothing.
      return {
        before: [`vf ${lanes} = vf_set(-INFINITY);`, `vi ${name}_places = vi_set(INT32_MAX);`],
        take: (_, masked, locals) => {
          const value = locals.temporary(masked('-INFINITY'));
          const place = locals.temporary(`vi_lanes() + vi_set((int32_t)${locals.at.channel})`, 'vi');
          const isFirst = locals.temporary(`(${value} > ${lanes}) | (${name}_places == vi_set(INT32_MAX))`, 'vi');
          locals.statements.push(`${name}_places = vi_select(${isFirst}, ${place}, ${name}_places);`);
          return `${lanes} = vf_max(${lanes}, ${value});`;
        },
        after: [
          `const vi ${name}_first = ${lanes} == vf_set(vf_max_lane(${lanes}));`,
          `const int32_t ${name} = vi_min_lane(vi_select(${name}_first, ${name}_places, vi_set(INT32_MAX)));`,
        ],
      };
  }
}

/** Where the formula of a node finds its operands, which have other shapes than the result. */
function rowLeaves(locals: Locals, node: Node): Leaves {
  return { ...leavesAt(locals, node), operand: (index) => locals.value(node.inputs[index]!) };
}

interface RowLoop {
  readonly context: KernelContext;
  readonly node: Node;
  readonly length: number;
  readonly options: LoopOptions & { readonly prologue: Prologue };
  /** Address of one number per row, for ops that sum over rows. */
  readonly partial: string;
}

/** Writes the formula of one row, `row`, a vector of columns at a time. */
function rowWriter({ context, node, length, options, partial }: RowLoop): RowWriter<Code> {
  const { lanes: width } = context.target;
  const each = (body: (locals: Locals, writer: Writer) => void): Code[] =>
    eachVector(length, width, (at) => {
      const locals = new Locals(context, { index: emit`(row * ${length} + c)`, ...at }, options);
      body(locals, new Writer(C_RENDERER, rowLeaves(locals, node)));
      return locals.statements;
    });
  /** Text of a number of the row, behind the statements that it takes. */
  const ofRow = (value: Expression, suffix: string, use: (text: string) => Code): Code[] => {
    const locals = new Locals(context, { index: 'row', channel: '0' }, { ...options, suffix });
    const text = new Writer(C_RENDERER, rowLeaves(locals, node)).write(value);
    return [...locals.statements, use(text)];
  };
  return {
    loop: (numbers) => {
      const reducers = numbers.map((one) => reducerOf(one, length));
      return [
        ...reducers.flatMap(({ before }) => before),
        ...each((locals, writer) => {
          for (const [i, { take }] of reducers.entries()) {
            const value = writer.write(numbers[i]!.term);
            const { lanes } = locals.at;
            const masked = (fill: string) => (lanes === undefined ? value : `vf_first(${value}, ${lanes}, ${fill})`);
            locals.statements.push(take(value, masked, locals));
          }
        }),
        ...reducers.flatMap(({ after }) => after),
      ];
    },
    declare: (name, value) => ofRow(value, `_${name}`, (text) => `const float ${name} = ${text};`),
    each: (value) =>
      each((locals, writer) => {
        locals.define(node.id, writer.at(value, 'element').text);
        locals.store(node.id);
      }),
    number: (value, index, of) => ofRow(value, `_${index}`, (text) => emit`${context.output(node.id)}[${of} * row + ${index}] = ${text};`),
    share: (value) => ofRow(value, '_share', (text) => `${partial}[row] = ${text};`),
  };
}

/** One op over the last axis, row by row. `partial` is the place of one float per row, for ops that sum over rows. */
export function rowFunction(context: KernelContext, id: ValueId, partial: Place | undefined, options: LoopOptions): LoopFunction {
  const node = context.node(id);
  const { shape } = context.type(node.inputs[0]!);
  const length = shape.at(-1)!;
  const rows = elementCount(shape) / length;
  const prologue = new Prologue();
  const address = partial === undefined ? '' : context.address(partial, 'float');
  const writer = rowWriter({ context, node, length, options: { ...options, prologue }, partial: address });
  const formula = ROWS[node.op as OpOfKind<'rows'>](node, shape);
  const label = readsLabels(node.op)
    ? [
        `const int32_t label = ${context.pointer(node.inputs[1]!)}[row];`,
        `if (${unlabelled(formula)}) {`,
        ...indent([...unlabelledRow(formula, writer), 'continue;']),
        '}',
      ]
    : [];
  const { matrixRows } = formula;
  const place = matrixRows === undefined ? [] : [`const int32_t place = (int32_t)(row % ${matrixRows});`];
  const body = [...label, ...place, ...rowStatements(formula, writer)];
  const lines = [...prologue.statements, 'for (int64_t row = begin; row < end; row++) {', ...indent(body), '}'];
  return { code: loopFunction(lines), table: context.table, range: rows, part: partLength(rows, length * 8, 1) };
}

/** Adds the rows' numbers in order. */
export function finishRows(context: KernelContext, id: ValueId, partial: Place): Code[] {
  const node = context.node(id);
  const { shape } = context.type(node.inputs[0]!);
  const length = shape.at(-1)!;
  const rows = elementCount(shape) / length;
  const divisor = totalDivisor(node.op, rows, length);
  const total = divisor === undefined ? '(int32_t)total' : `(float)(total / ${divisor})`;
  return [
    'double total = 0.0;',
    emit`for (int64_t row = 0; row < ${rows}; row++) total += (double)${context.address(partial, 'float')}[row];`,
    `*${context.output(id)} = ${total};`,
  ];
}
