import { isConstant } from '../../ir/structure.js';
import { type DType, isFloat, isLow, type ValueId } from '../../ir/types.js';
import { isSubset } from '../../numeric/formats.js';
import { isOfKind, type OpName, type OpOfKind, opDefinition } from '../../ops/index.js';
import { ELEMENTWISE } from '../formula/elementwise.js';
import { Writer } from '../formula/render.js';
import { endsInProduct, isOperandItself } from '../formula/traits.js';
import type { GroupContext } from './context.js';
import { copiedElement } from './copies.js';
import type { ElementType } from './formats.js';
import { gatheredElement } from './gathers.js';
import type { Kernel } from './kernel.js';
import type { Place } from './layout.js';
import { leavesAt } from './leaves.js';
import { floatLiteral, loadExpression } from './literal.js';

/** One element: expressions (u32) of its row-major index, and of its index along the last axis where that is at hand. */
export interface Position {
  readonly index: string;
  readonly channel?: string;
}

/** Whether the op reads its operands at other elements than its own: they must be in memory. */
export function isGather(op: OpName): op is OpOfKind<'pool' | 'copy'> {
  return isOfKind(op, 'pool', 'copy');
}

/**
 * The values at one element, as variables of type f32 that hold the value as rounded to its format. `value` gives a variable for any
 * value: one that was defined, one loaded from memory, or an elementwise op of the group, computed where it is needed.
 */
export class Locals {
  readonly lines: string[] = [];
  readonly #variables = new Map<ValueId, string>();
  /** Results that only a store needs: the store rounds. */
  readonly #unrounded = new Set<ValueId>();
  /** Anything else that several nodes share, by a key of the caller's. */
  readonly shared = new Map<string, string>();

  constructor(
    readonly context: GroupContext,
    readonly kernel: Kernel,
    readonly at: Position,
  ) {}

  /** Local values at another element, with statements of its own. */
  elsewhere(at: Position): Locals {
    return new Locals(this.context, this.kernel, at);
  }

  /** Declares a variable. */
  let(expression: string, prefix = 't'): string {
    const name = this.kernel.name(prefix);
    this.lines.push(`let ${name} = ${expression};`);
    return name;
  }

  /** Declares a variable, once per key. */
  once(key: string, build: () => string): string {
    const known = this.shared.get(key);
    if (known !== undefined) return known;
    const name = this.let(build());
    this.shared.set(key, name);
    return name;
  }

  /** Says that a variable holds a value, already rounded. */
  set(id: ValueId, variable: string): void {
    this.#variables.set(this.context.root(id), variable);
  }

  has(id: ValueId): boolean {
    return this.#variables.has(this.context.root(id));
  }

  /**
   * Declares the variable of a value from an f32 expression, rounded to the value's format. `exact`: the expression needs no rounding;
   * `product`: it ends in a multiplication, which must not be contracted with an addition of the next node.
   */
  define(id: ValueId, expression: string, options: { readonly exact?: boolean; readonly product?: boolean } = {}): void {
    const root = this.context.root(id);
    const { dtype } = this.context.type(root);
    const read = this.context.readers(root).length > 0;
    let result = expression;
    if (isLow(dtype) && options.exact !== true) {
      if (read) result = this.kernel.rounded(dtype, expression);
      else this.#unrounded.add(root);
    } else if (dtype === 'f32' && options.product === true && read) result = `${this.kernel.helper('keep')}(${expression})`;
    this.set(root, this.let(result, 'v'));
  }

  /** The variable of a value at this element. */
  value(id: ValueId): string {
    const { context } = this;
    const root = context.root(id);
    const known = this.#variables.get(root);
    if (known !== undefined) {
      if (this.#unrounded.has(root)) throw new Error(`%${root} is read but was taken for a store only`);
      return known;
    }
    const node = context.node(root);
    if (isConstant(node)) return floatLiteral(Number(node.attrs.value), this.kernel.helper);
    if (context.isInMemory(root)) {
      this.set(root, this.load(root));
      return this.#variables.get(root)!;
    }
    if (isOfKind(node.op, 'elementwise', 'scalar', 'exchange')) {
      const formula = ELEMENTWISE[node.op](node);
      const first = node.inputs[0];
      const exact = isOperandItself(formula) && first !== undefined && isSubset(context.type(first).dtype, node.type.dtype);
      const expression = new Writer(this.kernel.renderer, leavesAt(this, node)).write(formula);
      this.define(root, expression, { exact, product: endsInProduct(formula, this.kernel.renderer) });
    } else if (isOfKind(node.op, 'copy')) {
      this.define(root, copiedElement(this, node), { exact: node.inputs.every((id) => isSubset(context.type(id).dtype, node.type.dtype)) });
    } else if (isOfKind(node.op, 'pool')) {
      this.define(root, gatheredElement(this, node, node.op), { exact: opDefinition(node.op).selects === true });
    } else {
      throw new Error(`%${root} (${node.op}) of group ${context.group.name} is not in memory`);
    }
    return this.#variables.get(root)!;
  }

  /** Loads a value at this element, widened to f32. */
  load(id: ValueId): string {
    return this.let(this.loadAt(id, this.at.index));
  }

  /** Expression of an element of a value in memory, widened to f32. */
  loadAt(id: ValueId, index: string): string {
    const node = this.context.node(this.context.root(id));
    const { type, attrs } = node;
    if (isConstant(node)) return floatLiteral(Number(attrs.value), this.kernel.helper);
    return loadExpression(this.kernel, this.context.place(id), type.dtype, index);
  }

  /** Appends the store of a value to its place in memory. */
  store(id: ValueId): void {
    const root = this.context.root(id);
    if (!this.#variables.has(root)) this.value(root);
    this.storeAt(this.context.place(root), this.context.type(root).dtype, this.#variables.get(root)!);
  }

  /** Appends a store at this element, rounded to the format. */
  storeAt(place: Place, dtype: DType, value: string): void {
    const type = this.context.storageOf(dtype);
    const array = this.kernel.write(place, type);
    this.lines.push(`${array}[${this.at.index}] = ${storedValue(type, value)};`);
  }

  /** An operand of shape [] in its own type: f32, i32 or (a bool) u32. */
  scalar(id: ValueId): string {
    const node = this.context.node(this.context.root(id));
    const { type, attrs } = node;
    if (isConstant(node)) return floatLiteral(Number(attrs.value), this.kernel.helper);
    if (!this.context.isInMemory(id)) return this.value(id);
    const storage = this.context.storage(id);
    const element = this.kernel.read(this.context.place(id), storage, '0');
    return this.once(`scalar ${this.context.root(id)}`, () => (isFloat(type.dtype) ? widened(storage, element) : element));
  }

  /** Index along a last axis of the given size. */
  channel(channels: number): string {
    if (this.at.channel !== undefined) return this.at.channel;
    return channels === 1 ? '0u' : this.once(`channel ${channels}`, () => `(${this.at.index}) % ${channels}u`);
  }

  /** An operand of one number per channel. */
  perChannel(id: ValueId): string {
    const { shape } = this.context.type(id);
    return this.once(`per channel ${this.context.root(id)}`, () => this.loadAt(id, this.channel(shape[0]!)));
  }

  /** Operand `index` of a node at this element, whether it is a full tensor, one number per channel, or a scalar. */
  operand(id: ValueId, index: number): string {
    const node = this.context.node(id);
    const input = node.inputs[index]!;
    const { shape } = this.context.type(input);
    if (this.has(input) || this.context.count(input) === this.context.count(id)) return this.value(input);
    if (shape.length === 0) return this.scalar(input);
    if (shape.length === 1 && shape[0] === node.type.shape.at(-1)) return this.perChannel(input);
    throw new Error(`operand ${index} of ${node.op} has shape [${shape.join(', ')}], neither the result's nor a channel's`);
  }
}

/** The expression of an f32 as an element of that type. */
export function storedValue(type: ElementType, value: string): string {
  return type === 'f32' ? value : `${type}(${value})`;
}

/** The expression of an element of that type as an f32. */
function widened(type: ElementType, element: string): string {
  return type === 'f32' ? element : `f32(${element})`;
}
