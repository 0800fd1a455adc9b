import { isConstant } from '../../ir/structure.js';
import type { DType, Node, ValueId } from '../../ir/types.js';
import { elementCount } from '../../ir/types.js';
import { isNarrow, isSubset } from '../../numeric/formats.js';
import { isOfKind, isReadInPlace, type OpName, opDefinition } from '../../ops/index.js';
import { type Code, emit, joined } from '../code.js';
import { ELEMENTWISE } from '../formula/elementwise.js';
import { Writer } from '../formula/render.js';
import { endsInProduct, isOperandItself } from '../formula/traits.js';
import { asNumber, C_FORMATS, loaded } from './formats.js';
import { rootOf } from './group-values.js';
import type { KernelContext } from './kernel.js';
import { leavesAt } from './leaves.js';
import type { Prologue } from './prologue.js';
import { C_RENDERER } from './render.js';
import { repeatedElement } from './repeats.js';
import { floatLiteral } from './text.js';

/** Where in a tensor the lanes of one vector lie: `lanes` consecutive elements in row-major order. */
export interface Position {
  /** C expression (int64_t): row-major index of the first lane. */
  readonly index: Code;
  /** C expression: index along the last axis of the first lane. Channel operands are read from there on. */
  readonly channel: string;
  /** C expression: how many lanes count; left out: all. */
  readonly lanes?: string;
}

/** Makes values that depend on the channel alone ahead of the loop over positions. */
export interface ChannelSource {
  /** The `vf` expression of such a value at these locals' channel; `build` gives it at any channel. */
  derive(locals: Locals, channels: number, key: string, build: (inner: Locals) => Code): string;
  /** C expression: index of the first lane along a last axis of that size. */
  index(channels: number): string;
}

export interface LocalsOptions {
  /** Appended to variable names, to tell apart several vectors in one C block. */
  readonly suffix?: string;
  /**
   * Where values that are the same for every position go (scalars): statements placed before the kernel's loop. Left out: they are read
   * where they are used.
   */
  readonly prologue?: Prologue;
  /** Left out: channel operands are read from memory at `Position.channel`, where they are used. */
  readonly channels?: ChannelSource;
  /** Whether an earlier kernel of the group has put a value of the group in memory. Left out: none has. */
  readonly isMaterialized?: (id: ValueId) => boolean;
  /** Computes ops that read their operands at other positions. Returns a variable, or undefined for an op that it does not know. */
  readonly gather?: (locals: Locals, id: ValueId) => Code | undefined;
}

/** Whether the expression emitter can compute the op lane by lane. */
export function isElementwise(op: OpName): boolean {
  return isOfKind(op, 'elementwise', 'scalar', 'view') || isConstant({ op });
}

/**
 * The values at one position, as C variables of type `vf`: f32 lanes that hold the value as rounded to its format. `value` gives a
 * variable for any value: one that was set or defined, one loaded from memory, or an elementwise op of the group, computed on demand.
 * The statements are collected in `statements`; indent and place them where the position's expressions are in scope.
 */
export class Locals {
  readonly context: KernelContext;
  readonly at: Position;
  readonly statements: Code[] = [];
  readonly options: LocalsOptions;
  /** Variables by a key of the caller's, for intermediates that several nodes share. */
  readonly shared = new Map<string, readonly string[]>();
  readonly #variables = new Map<ValueId, string>();
  /** Results that were not rounded because only memory needs them: the store rounds. */
  readonly #unrounded = new Set<ValueId>();
  #temporaries = 0;

  constructor(context: KernelContext, at: Position, options: LocalsOptions = {}) {
    this.context = context;
    this.at = at;
    this.options = options;
  }

  get suffix(): string {
    return this.options.suffix ?? '';
  }

  get prologue(): Prologue | undefined {
    return this.options.prologue;
  }

  /** Says that a variable holds a value, already rounded. */
  set(id: ValueId, variable: string): void {
    this.#variables.set(this.#root(id), variable);
  }

  has(id: ValueId): boolean {
    return this.#variables.has(this.#root(id));
  }

  /** Declares the variable of a value from an f32 expression, rounded to the value's format. Returns the variable. */
  define(id: ValueId, expression: Code, rounded = false): string {
    const { dtype } = this.context.type(id);
    const name = `v${this.context.member(this.#root(id))}${this.suffix}`;
    const skip = rounded || dtype === 'f32';
    if (!skip && !this.context.isConsumed(id)) this.#unrounded.add(this.#root(id));
    const exact = skip || this.#unrounded.has(this.#root(id));
    this.statements.push(emit`const vf ${name} = ${exact ? expression : emit`round_${dtype}(${expression})`};`);
    this.#variables.set(this.#root(id), name);
    return name;
  }

  /** Declares a temporary of the given C type. */
  temporary(expression: Code, type = 'vf'): string {
    const name = `t${this.#temporaries++}${this.suffix}`;
    this.statements.push(emit`const ${type} ${name} = ${expression};`);
    return name;
  }

  /** The variable of a value at this position. Throws when the value is neither in memory nor elementwise. */
  value(id: ValueId): string {
    const root = this.#root(id);
    const known = this.#variables.get(root);
    if (known !== undefined) {
      if (this.#unrounded.has(root)) throw new Error(`%${root} is read but was taken for a store only`);
      return known;
    }
    const node = this.context.node(root);
    if (isConstant(node)) return `vf_set(${floatLiteral(roundConstant(Number(node.attrs.value), node.type.dtype))})`;
    if (!this.context.isMember(root) || this.options.isMaterialized?.(root) === true) return this.load(root);
    if (isOfKind(node.op, 'elementwise', 'scalar')) {
      const formula = ELEMENTWISE[node.op](node);
      const result = new Writer(C_RENDERER, leavesAt(this, node)).write(formula);
      const first = node.inputs[0];
      const exact = isOperandItself(formula) && first !== undefined && isSubset(this.context.type(first).dtype, node.type.dtype);
      const keep = endsInProduct(formula, C_RENDERER) && node.type.dtype === 'f32';
      return this.define(root, keep ? `vf_keep(${result})` : result, exact);
    }
    if (isReadInPlace(node)) return this.#repeated(node);
    const gathered = this.options.gather?.(this, root);
    return gathered === undefined ? this.load(root) : this.define(root, gathered, opDefinition(node.op).selects === true);
  }

  /** Loads a value from memory at this position, widened to f32. */
  load(id: ValueId): string {
    const root = this.#root(id);
    if (isConstant(this.context.node(root))) return this.value(root);
    const { dtype } = this.context.type(id);
    const variable = this.temporary(loaded(dtype, emit`${this.context.pointer(root)} + ${this.at.index}`, this.at.lanes));
    this.#variables.set(root, variable);
    return variable;
  }

  /** Appends the store of a value to its place in memory. */
  store(id: ValueId): void {
    const root = this.#root(id);
    if (!this.#variables.has(root)) this.value(root);
    const { dtype } = this.context.type(id);
    // Cutting a number out of an f32 that holds it may be cheaper than rounding it again.
    const kind = this.#unrounded.has(root) ? dtype : (C_FORMATS[dtype].exact ?? dtype);
    const [address, variable, { lanes }] = [emit`${this.context.output(root)} + ${this.at.index}`, this.#variables.get(root)!, this.at];
    this.statements.push(
      lanes === undefined ? emit`store_${kind}(${address}, ${variable});` : emit`store_${kind}_part(${address}, ${variable}, ${lanes});`,
    );
  }

  /** A scalar operand (shape []) as a C float, read from memory. */
  scalar(id: ValueId): string {
    const node = this.context.node(id);
    if (isConstant(node)) return floatLiteral(roundConstant(Number(node.attrs.value), node.type.dtype));
    const pointer = this.context.pointer(id);
    const expression = asNumber(node.type.dtype, `*${pointer}`);
    const type = C_FORMATS[node.type.dtype].number;
    return this.prologue?.declare(`scalar ${id}`, type, expression) ?? `(${expression})`;
  }

  /** An operand of one number per channel as a `vf`. */
  channel(id: ValueId): string {
    const root = this.#root(id);
    const known = this.#variables.get(root);
    if (known !== undefined) return known;
    const { dtype, shape } = this.context.type(id);
    const load = (at: Position) => loaded(dtype, `${this.context.pointer(root)} + ${at.channel}`, at.lanes);
    const variable =
      this.options.channels?.derive(this, elementCount(shape), `load ${root}`, (inner) => load(inner.at)) ?? this.temporary(load(this.at));
    this.#variables.set(root, variable);
    return variable;
  }

  /** A `vf` that depends on the channel alone, computed once per channel where the loop allows it. */
  perChannel(channels: number, key: string, build: (inner: Locals) => Code): string {
    return this.options.channels?.derive(this, channels, key, build) ?? this.temporary(build(this));
  }

  /** Index of the first lane along a last axis of the given size. */
  channelIndex(channels: number): string {
    return this.options.channels?.index(channels) ?? this.at.channel;
  }

  /** A number that is the same everywhere, computed once where the loop allows it. */
  once(expression: string, type: string): string {
    return this.prologue?.declare(`once ${expression}`, type, expression) ?? `(${expression})`;
  }

  /** A constant array of floats. Returns its name. */
  table(key: string, entries: readonly string[]): string {
    const declare = (name: string) => [emit`static const float ${name}[] = {${joined(entries, ', ')}};`];
    if (this.prologue !== undefined) return this.prologue.add(key, declare);
    const name = `${key}${this.suffix}`;
    this.statements.push(...declare(name));
    return name;
  }

  /** Operand `index` of a node as a `vf`, whether it is a full tensor, one number per channel, or a scalar. */
  operand(id: ValueId, index: number): string {
    const node = this.context.node(id);
    const input = node.inputs[index]!;
    const { shape } = this.context.type(input);
    if (this.has(input)) return this.value(input);
    if (elementCount(shape) === elementCount(node.type.shape)) return this.value(input);
    if (shape.length === 0) return `vf_set(${this.scalar(input)})`;
    if (shape.length === 1 && shape[0] === node.type.shape.at(-1)) return this.channel(input);
    throw new Error(`operand ${index} of ${node.op} has shape [${shape.join(', ')}], neither the result's nor a channel's`);
  }

  /** The variable of a node that only repeats its operand: the operand's element. */
  #repeated(node: Node): string {
    const source = node.inputs[0]!;
    const exact = isSubset(this.context.type(source).dtype, node.type.dtype);
    return this.define(node.id, repeatedElement(this, node), exact);
  }

  #root(id: ValueId): ValueId {
    return rootOf(this.context.step.fn, id);
  }
}

function roundConstant(value: number, dtype: DType): number {
  if (isNarrow(dtype)) throw new Error('a constant is f32');
  return value;
}
