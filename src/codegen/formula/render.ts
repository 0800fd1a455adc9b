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
import { atom, type OperationText, type Text } from './text.js';

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
  column(): string;
  /** A number of the element's row; loops that do not walk rows have none. */
  ofRow(index: number, offset: number, of: number): string;
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

/** Text of each operation that a renderer has, in single or double precision, by name. */
type Operations = Readonly<Record<string, OperationText | undefined>>;

function operationOf({ operations, doubles }: Renderer, operation: Operation | DoubleOperation): OperationText | undefined {
  return (operations as Operations)[operation] ?? (doubles as Operations | undefined)?.[operation];
}

const LEAVES = new Set(['number', 'operand', 'channel', 'scalar', 'constants', 'element', 'of_row', 'parameter', 'named']);

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

  /** Says what text stands for a value, wherever it occurs. */
  set(value: Expression, text: Text): void {
    this.#known.set(value, text);
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
      case 'column':
        return atom(this.leaves.column());
      case 'of_row':
        return atom(this.leaves.ofRow(form.index, form.offset, form.of));
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
        const asIs = SCALAR_ARGUMENTS.has(form.operation);
        const args = form.args.map((arg) => (asIs ? this.#write(arg) : this.at(arg, value.extent)));
        const text = operationOf(this.renderer, form.operation);
        if (text === undefined) throw new Error(`the target has no doubles to ${form.operation}`);
        return text(args, value);
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
    column: outside,
    ofRow: outside,
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
