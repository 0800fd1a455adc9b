import { assertNever } from '../../ir/types.js';
import { fma, number, parameter } from './build.js';
import {
  type DoubleOperation,
  type Expression,
  type Extent,
  type F32,
  type Form,
  type FormulaFunction,
  isWider,
  type Operation,
  type ValueType,
} from './expression.js';

/** Source text of a value, and how tightly its outermost operator binds. */
export interface Text {
  readonly text: string;
  readonly binds: number;
  readonly quotient?: boolean;
  /** Of a negative literal: the text of the number without its sign. */
  readonly magnitude?: string;
}

/**
 * How tightly operators bind: those of C, WGSL and their like agree on these. Bit operations and shifts are put in parentheses among
 * others.
 */
export const BINDS = { atom: 9, prefix: 8, product: 7, sum: 6, comparison: 4, logic: 2, choice: 1, loose: 0 } as const;

/** Text of an operation from that of its arguments; `value` is the whole. */
export type OperationText = (args: readonly Text[], value: Expression) => Text;

/**
 * What a code-generating backend supplies to render the kernel language; everything else about a formula is shared. Beside this it needs,
 * for each family of ops, the loop that the formula stands in (`Leaves`: where operands come from), and a prelude with what its table of
 * operations calls by name, such as the random words.
 *
 * A table of operations is total by type: an operation that a target lacks is written out in its prelude, with the meaning that `Operation`
 * gives it.
 */
export interface Renderer {
  readonly operations: Readonly<Record<Operation, OperationText>>;
  /** Left out: the target has no double precision, and gets the formulas for that. */
  readonly doubles?: Readonly<Record<DoubleOperation, OperationText>>;
  /** Whether its compiler sees arithmetic through a `select`, and may contract a product there with a sum behind it. */
  readonly transparent: boolean;
  /** A literal that reads back as the nearest number of the type; `computed`: rounded to it here, since it may have more digits. */
  number(value: number, type: ValueType, computed: boolean): Text;
  /** A value of a narrower extent, such as a scalar, where one of that extent is needed. */
  spread(value: Text, from: Expression, to: Extent): Text;
  /** Statement that declares a value under a name; `changes`: it will be assigned to. */
  declare(name: string, value: Expression, text: string, changes: boolean): string;
  /** Name of a function of the language; of one that the target has itself for values that vary like that, the target's. */
  nameOf(callee: FormulaFunction, extent: Extent): string;
  /** Lines around the body of a function, which ends in the statement that returns `result`. */
  functionText(callee: FormulaFunction, name: string, body: readonly string[], result: string): string;
}

/** Where a formula's values come from: what the loop around it knows. Each gives text, and may add statements ahead. */
export interface Leaves {
  operand(index: number): string;
  channel(index: number): string;
  scalar(index: number, type: ValueType): Text;
  constants(name: string, values: readonly number[]): Text;
  element(): string;
  /** Declares a named value ahead; `changes`: it will be assigned to. Returns its variable. */
  declare(name: string, value: Expression, text: string, changes?: boolean): string;
  /** Appends a statement that assigns to such a variable. */
  assign(variable: string, text: string): void;
  /**
   * A part of a formula that is computed for every element, but varies less than that: text for it. The loop may compute it once; `write`
   * gives its text, with other leaves where they suit better.
   */
  hoist(value: Expression, write: (leaves?: Leaves) => Text): Text;
}

const LEAVES = new Set(['number', 'operand', 'channel', 'scalar', 'constants', 'element', 'parameter', 'named']);

/** Operations that take scalars beside what varies. */
const SCALAR_ARGUMENTS: ReadonlySet<string> = new Set<Operation>(['shift_left', 'shift_right', 'random_word']);

/** Renders expressions at one place. Parts that were bound or named keep their text. */
export class Writer {
  readonly #known = new Map<Expression, Text>();

  constructor(
    private readonly renderer: Renderer,
    private readonly leaves: Leaves,
  ) {}

  /** Text of a value that varies as it says. */
  write(value: Expression): string {
    return this.#write(value).text;
  }

  /** Computes values ahead, in order, of what varies like that. */
  bind(values: readonly Expression[], extent: Extent): void {
    for (const value of values) this.#known.set(value, isWider(extent, value.extent) ? this.#reduced(value) : this.#write(value));
  }

  /** Text of a value where one of some extent is needed. */
  at(value: Expression, extent: Extent): Text {
    if (!isWider(extent, value.extent)) return this.#write(value);
    return this.renderer.spread(this.#reduced(value), value, extent);
  }

  #write(value: Expression): Text {
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    const { form } = value;
    switch (form.kind) {
      case 'number':
        return this.renderer.number(form.value, value.type, form.computed);
      case 'operand':
        return atom(this.leaves.operand(form.index));
      case 'channel':
        return atom(this.leaves.channel(form.index));
      case 'scalar':
        return this.leaves.scalar(form.index, value.type);
      case 'constants':
        return this.leaves.constants(form.name, form.values);
      case 'element':
        return atom(this.leaves.element());
      case 'parameter':
        return atom(form.name);
      case 'let':
        for (const bound of form.bound)
          this.#known.set(bound, isWider(value.extent, bound.extent) ? this.#reduced(bound) : this.#write(bound));
        return this.#write(form.body);
      case 'named':
        return this.#keep(value, atom(this.leaves.declare(form.name, value, this.write(form.value))));
      case 'polynomial':
        return this.#keep(value, atom(this.#polynomial(value, form)));
      case 'call': {
        const { parameters } = form.callee;
        const args = form.args.map((arg, i) => this.at(arg, parameters[i]!.extent === 'scalar' ? 'scalar' : value.extent).text);
        return atom(`${this.renderer.nameOf(form.callee, value.extent)}(${args.join(', ')})`);
      }
      case 'by_precision':
        return this.#write(this.renderer.doubles === undefined ? form.single : form.double);
      case 'apply': {
        const operations: Readonly<Record<string, OperationText>> = { ...this.renderer.operations, ...this.renderer.doubles };
        const asIs = SCALAR_ARGUMENTS.has(form.operation);
        const args = form.args.map((arg) => (asIs ? this.#write(arg) : this.at(arg, value.extent)));
        return operations[form.operation]!(args, value);
      }
      default:
        return assertNever(form);
    }
  }

  /** A part that varies less than the formula around it. */
  #reduced(value: Expression): Text {
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    if (LEAVES.has(value.form.kind)) return this.#write(value);
    return this.leaves.hoist(value, (leaves) =>
      leaves === undefined ? this.#write(value) : new Writer(this.renderer, leaves).#write(value),
    );
  }

  #polynomial(value: Expression, { name, x, coefficients }: Extract<Form, { kind: 'polynomial' }>): string {
    const [first, ...others] = coefficients.map(number) as [F32, ...F32[]];
    this.write(x);
    const variable = this.leaves.declare(name, value, this.at(first, value.extent).text, true);
    const sum = parameter(variable, 'f32', value.extent);
    for (const coefficient of others) this.leaves.assign(variable, this.write(fma(sum, x, coefficient)));
    return variable;
  }

  #keep(value: Expression, text: Text): Text {
    this.#known.set(value, text);
    return text;
  }
}

export function atom(text: string): Text {
  return { text, binds: BINDS.atom };
}

/** The text, in parentheses where an operator around it binds tighter. */
export function inside({ text, binds }: Text, least: number): string {
  return binds < least ? `(${text})` : text;
}

/** A call by name. */
export const named =
  (name: string): OperationText =>
  (args) =>
    atom(`${name}(${args.map(({ text }) => text).join(', ')})`);

/** Two values with an operator between them. A quotient in a product is put in parentheses for the reader. */
export function join(a: Text, symbol: string, b: Text, binds: number): Text {
  const left = symbol === '*' && a.quotient === true ? `(${a.text})` : inside(a, binds);
  return { text: `${left} ${symbol} ${inside(b, binds + 1)}`, binds, ...(symbol === '/' && { quotient: true }) };
}

export const infix =
  (symbol: string, binds: number): OperationText =>
  ([a, b]) =>
    join(a!, symbol, b!, binds);

export const prefix =
  (symbol: string): OperationText =>
  ([a]) => ({ text: `${symbol}${inside(a!, BINDS.prefix)}`, binds: BINDS.prefix });

/** Digits of a number that a formula states; of a far power of two, its exponent. */
export function digits(value: number): string {
  const exponent = Math.log2(Math.abs(value));
  if (Number.isInteger(exponent) && Math.abs(exponent) > 20) return `${value < 0 ? '-' : ''}0x1p${exponent}`;
  if (Math.abs(value) < 1e-3 && value !== 0) return value.toExponential();
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** What C, WGSL and their like write alike. */
export const ALIKE = {
  add: infix('+', BINDS.sum),
  sub: infix('-', BINDS.sum),
  mul: infix('*', BINDS.product),
  div: infix('/', BINDS.product),
  neg: ([a]) => ({ text: `-${inside(a!, BINDS.atom)}`, binds: BINDS.prefix }),
  less: infix('<', BINDS.comparison),
  greater: infix('>', BINDS.comparison),
  at_least: infix('>=', BINDS.comparison),
  equal: infix('==', BINDS.comparison),
} as const satisfies Partial<Record<Operation, OperationText>>;

/** A function's text. Its values are parameters alone, and its names its own. */
export function renderFunction(renderer: Renderer, callee: FormulaFunction): string {
  const body: string[] = [];
  const outside = () => {
    throw new Error(`${callee.name} reads what is no parameter of it`);
  };
  const leaves: Leaves = {
    operand: outside,
    channel: outside,
    scalar: outside,
    constants: outside,
    element: outside,
    declare: (name, value, text, changes = false) => {
      body.push(renderer.declare(name, value, text, changes));
      return name;
    },
    assign: (variable, text) => {
      body.push(`${variable} = ${text};`);
    },
    hoist: (_value, write) => write(),
  };
  const extent = callee.parameters[0]!.extent;
  const result = new Writer(renderer, leaves).at(callee.result, extent).text;
  return renderer.functionText(callee, renderer.nameOf(callee, extent), body, result);
}
