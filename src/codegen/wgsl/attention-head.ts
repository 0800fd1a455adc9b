import { elementCount, type Node, type ValueId } from '../../ir/types.js';
import { isOfKind } from '../../ops/index.js';
import { type Attention, isDropout } from '../../plan/attention-pattern.js';
import { div, operand, sub } from '../formula/build.js';
import { ELEMENTWISE } from '../formula/elementwise.js';
import type { Expression } from '../formula/expression.js';
import { type Leaves, Writer } from '../formula/render.js';
import { exp } from '../formula/special-functions.js';
import { atom } from '../formula/text.js';
import { type Dispatch, indent, spread } from '../gpu/kernel.js';
import { loadExpression } from '../gpu/literal.js';
import { storedValue } from '../gpu/locals.js';
import type { WgslContext } from './context.js';
import { storageType } from './formats.js';
import { KernelBuilder } from './kernel.js';

/** Rows of a head that a workgroup has, each an invocation: what they read of the others is the same for all. */
const MOST_ROWS = 64;
const VECTOR = 8;

/** The largest f32, negative: below it no score counts, and e to the power of its distance to one is 0. */
const LOWEST = '-0x1.fffffep127f';

const each = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index));

function none(): never {
  throw new Error('the formula reads what a pair of a query and a key has not');
}

/** A kernel of an attention: `i` is a query, `j` a key, `head` the head that they are of. */
export class HeadKernel {
  readonly kernel = new KernelBuilder();
  readonly queries: number;
  readonly keys: number;
  readonly heads: number;

  constructor(
    readonly context: WgslContext,
    readonly attention: Attention,
  ) {
    const { shape } = attention.scores.type;
    [this.queries, this.keys] = shape.slice(-2) as [number, number];
    this.heads = elementCount(shape) / (this.queries * this.keys);
  }

  /** Elements of a row of a value. */
  length(id: ValueId): number {
    return this.context.type(id).shape.at(-1)!;
  }

  /** Statements that declare a row of a value as vectors of four, `name0 ..`, with zeros behind its end. */
  row(id: ValueId, name: string, row: string): string[] {
    const { context, kernel } = this;
    const length = this.length(id);
    const { dtype } = context.type(id);
    const rows = context.type(id).shape.at(-2)!;
    const at = `(head * ${rows}u + ${row})`;
    if (length % 4 === 0) {
      const vectors = kernel.readVectors(context.place(id), storageType(dtype));
      const value = (u: number) => `${vectors}[${at} * ${length / 4}u + ${u}u]`;
      return each(length / 4, (u) => `let ${name}${u} = ${dtype === 'f32' ? value(u) : `vec4f(${value(u)})`};`);
    }
    const element = (c: number) => (c < length ? loadExpression(kernel, context.place(id), dtype, `${at} * ${length}u + ${c}u`) : '0.0f');
    return each(Math.ceil(length / 4), (u) => `let ${name}${u} = vec4f(${each(4, (t) => element(4 * u + t)).join(', ')});`);
  }

  /** Statements that declare the product of two rows. */
  dot(name: string, a: string, b: string, length: number): string[] {
    const terms = each(Math.ceil(length / 4), (u) => (u === 0 ? `${a}0 * ${b}0` : `fma(${a}${u}, ${b}${u}, ${name}_${u - 1})`));
    const last = `${name}_${terms.length - 1}`;
    return [...terms.map((term, u) => `let ${name}_${u} = ${term};`), `let ${name} = (${last}.x + ${last}.y) + (${last}.z + ${last}.w);`];
  }

  /** Statements that declare a row of sums, or add a row to them. */
  sums(name: string, length: number): string[] {
    return each(Math.ceil(length / 4), (u) => `var ${name}${u} = vec4f();`);
  }

  addRow(name: string, factor: string, row: string, length: number): string[] {
    return each(Math.ceil(length / 4), (u) => `${name}${u} = fma(vec4f(${factor}), ${row}${u}, ${name}${u});`);
  }

  /** Statements that store a row of sums. */
  store(id: ValueId, name: string, row: string): string[] {
    const length = this.length(id);
    const type = storageType(this.context.type(id).dtype);
    const target = this.kernel.write(this.context.place(id), type);
    const rows = this.context.type(id).shape.at(-2)!;
    const part = (c: number) => `${name}${c >> 2}.${'xyzw'[c & 3]}`;
    return each(length, (c) => `${target}[(head * ${rows}u + ${row}) * ${length}u + ${c}u] = ${storedValue(type, part(c))};`);
  }

  write(value: Expression, leaves: Partial<Leaves>): string {
    const others = { operand: none, channel: none, scalar: none, constants: none, element: none, column: none, ofRow: none };
    const rest = { declare: none, assign: none, hoist: (_value: Expression, write: () => ReturnType<typeof atom>) => write() };
    return new Writer(this.kernel.renderer, { ...others, ...rest, ...leaves }).write(value);
  }

  /** What these nodes make of a number, one after the other: each rounds to its format, and some drop it. */
  made(nodes: readonly Node[], value: string): string {
    return nodes.reduce((text, node) => {
      const { op, inputs, type } = node;
      const step = () => atom(this.kernel.read(this.context.place(inputs[1]!), 'i32', '0'));
      const element = () => `((head * ${this.queries}u + i) * ${this.keys}u + j)`;
      const kept =
        isDropout(node) && isOfKind(op, 'elementwise')
          ? this.write(ELEMENTWISE[op](node), { operand: () => text, scalar: step, element })
          : text;
      return this.kernel.rounded(type.dtype, kept);
    }, value);
  }

  /** Statements that declare `score`, of rows `q` and `k`; then the weight, where largest and sum of its row are known. */
  score(): string[] {
    const { scores, before } = this.attention;
    return [...this.dot('product', 'q', 'k', this.length(scores.inputs[0]!)), `let score = ${this.made([scores, ...before], 'product')};`];
  }

  weight(): string[] {
    const { softmax } = this.attention;
    const power = exp(sub(operand(0), operand(1)));
    const value = this.write(div(power, operand(2)), { operand: (index) => ['score', 'largest', 'sum'][index]! });
    return [`let weight = ${this.made([softmax], value)};`];
  }

  /** Statements for each of `count` keys or queries; of causal weights only pairs count whose key is not behind the query. */
  over(index: 'i' | 'j', count: number, lines: readonly string[]): string[] {
    const isCausal = this.attention.softmax.attrs.causal === true;
    const body = isCausal ? ['if (j <= i) {', ...indent(lines), '}'] : lines;
    return [`for (var ${index} = 0u; ${index} < ${count}u; ${index}++) {`, ...indent(body), '}'];
  }

  /** Statements that declare `largest` and `sum` of the row of query `i`, in one pass: what was added is scaled as a larger one comes. */
  statistics(k: ValueId): string[] {
    const { kernel } = this;
    const power = (a: string, b: string) => this.write(exp(sub(operand(0), operand(1))), { operand: (index) => (index === 0 ? a : b) });
    const add = kernel.helper('add_term');
    return [
      `var largest = ${LOWEST};`,
      'var terms = vec2f();',
      ...this.over('j', this.keys, [
        ...this.row(k, 'k', 'j'),
        ...this.score(),
        `let next = ${kernel.helper('larger')}(largest, score);`,
        `terms = ${add}(terms * ${power('largest', 'next')}, ${power('score', 'next')});`,
        'largest = next;',
      ]),
      `let sum = ${kernel.helper('sum_of')}(terms);`,
    ];
  }

  /** The shader, with an invocation for each of `rows` rows of each head: `own` is its name, `isOwn` whether it is no stand-in. */
  finish(own: 'i' | 'j', rows: number, what: string, body: readonly string[], stores: readonly string[]): Dispatch {
    const { context, kernel } = this;
    const { limits } = context.target;
    const size = Math.min(MOST_ROWS, limits.workgroupInvocations, Math.ceil(rows / VECTOR) * VECTOR);
    const blocks = Math.ceil(rows / size);
    const { workgroups, index } = spread(this.heads * blocks, limits);
    return kernel.finish(`${context.label(context.group.nodes)}, ${what}`, size, workgroups, [
      `let group = ${index};`,
      ...(workgroups[1] > 1 ? [`if (group >= ${this.heads * blocks}u) { return; }`] : []),
      `let head = group / ${blocks}u;`,
      `let place = group % ${blocks}u * ${size}u + lid;`,
      `let ${own} = min(place, ${rows - 1}u);`,
      ...body,
      `if (place < ${rows}u) {`,
      ...indent(stores),
      '}',
    ]);
  }
}
