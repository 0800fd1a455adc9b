import type { OnnxAttribute, OnnxNode } from '../schema.js';
import { type Constant, refuse } from './tensors.js';
import type { Operand, Value } from './values.js';

/** A node of the model with what its inputs are. */
export class NodeView {
  readonly type: string;
  /** As a message calls it. */
  readonly name: string;
  private readonly attributes: ReadonlyMap<string, OnnxAttribute>;

  constructor(
    readonly node: OnnxNode,
    readonly inputs: readonly (Operand | undefined)[],
    /** Images at once, or what stands for them where the model leaves that open. */
    readonly batch = 1,
  ) {
    this.type = node.opType ?? '';
    this.name = node.name || node.output?.[0] || '';
    this.attributes = new Map((node.attribute ?? []).map((attribute) => [attribute.name ?? '', attribute]));
  }

  /** The same node of other operands, with some attributes others. */
  with(inputs: readonly (Operand | undefined)[], attributes: readonly OnnxAttribute[] = []): NodeView {
    const names = new Set(attributes.map(({ name }) => name));
    const attribute = [...(this.node.attribute ?? []).filter(({ name }) => !names.has(name)), ...attributes];
    return new NodeView({ ...this.node, attribute }, inputs, this.batch);
  }

  attribute(name: string): OnnxAttribute | undefined {
    return this.attributes.get(name);
  }

  int(name: string, otherwise: number): number {
    return this.attributes.get(name)?.i ?? (this.attributes.has(name) ? 0 : otherwise);
  }

  float(name: string, otherwise: number): number {
    return this.attributes.get(name)?.f ?? (this.attributes.has(name) ? 0 : otherwise);
  }

  ints(name: string): readonly number[] | undefined {
    return this.attributes.get(name)?.ints;
  }

  text(name: string, otherwise: string): string {
    const bytes = this.attributes.get(name)?.s;
    return bytes === undefined ? otherwise : Buffer.from(bytes).toString('utf8');
  }

  /** An operand that the network computes. */
  value(index = 0): Value {
    const operand = this.inputs[index];
    if (operand?.kind === 'grouped') return refuse(`its operand ${index + 1} does not begin with the batch`);
    return operand?.kind === 'value' ? operand : refuse(`its operand ${index + 1} is a constant`);
  }

  /** An operand that the model holds. */
  constant(index: number): Constant {
    const operand = this.inputs[index];
    return operand?.kind === 'constant' ? operand : refuse(`its operand ${index + 1} is computed, and ampc wants weights there`);
  }

  optional(index: number): Constant | undefined {
    return this.inputs[index] === undefined ? undefined : this.constant(index);
  }

  /** Whole numbers that newer versions have as an operand, and older ones as an attribute. */
  numbers(index: number, attribute: string): readonly number[] | undefined {
    return this.inputs[index] === undefined ? this.ints(attribute) : [...this.constant(index).data];
  }
}
