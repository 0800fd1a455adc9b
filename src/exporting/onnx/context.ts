import { type Graph, isFloat, type Node, type Shape, sameShape } from '../../ir/types.js';
import { isRepeat } from '../../ops/index.js';
import { axisIn, type ChannelOrder, inOrder } from '../channel-order.js';
import { NodeContext } from '../node-context.js';
import type { AttributeValue, OnnxWriter, Value } from './writer.js';

/** Computes a node with ONNX's operators. Attributes are those of the node; the result has its shape, in the order of its channels. */
export type Emitter = (context: EmitContext) => Value;

/** Formats of which ONNX's operators are taken as they are; operands of others are widened, and what comes of them rounded. */
const NATIVE: ReadonlySet<string> = new Set(['f32', 'f16']);

/** The shape to which tensors of these shapes are repeated together. */
function together(shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => Math.max(...shapes.map((shape) => shape[axis - rank + shape.length] ?? 1)));
}

/** What an emitter sees of its node and of what was emitted before. */
export class EmitContext extends NodeContext {
  constructor(
    graph: Graph,
    node: Node,
    readonly writer: OnnxWriter,
    readonly orders: readonly ChannelOrder[],
    readonly batch: number,
    /** What a value became, in the order of its channels. */
    private readonly emitted: (id: number) => Value,
    /** The first size of the image, as a list: the batch. */
    readonly batchSize: () => Value,
  ) {
    super(graph, node);
  }

  get order(): ChannelOrder {
    return this.orders[this.node.id]!;
  }

  /** The node's shape in the order of its channels. */
  get shape(): Shape {
    return this.shapeIn(this.order);
  }

  shapeIn(order: ChannelOrder): Shape {
    const { shape } = this.node.type;
    return shape.length === 4 ? inOrder(order, shape) : shape;
  }

  /** An operand with its channels where `order` says. */
  operand(index: number, order: ChannelOrder = 'last'): Value {
    const { id } = this.operandNode(index);
    return this.ordered(this.emitted(id), this.orders[id]!, order);
  }

  /** A tensor brought from one order into another; itself unless it has four axes. */
  ordered(value: Value, from: ChannelOrder, to: ChannelOrder): Value {
    if (value.shape.length !== 4 || from === to) return value;
    return this.writer.transpose(value, to === 'first' ? [0, 3, 1, 2] : [0, 2, 3, 1]);
  }

  /**
   * The operands of an elementwise op: ONNX repeats those that are smaller, so what a copy repeats is taken before that. Together they have
   * the shape of the result.
   */
  aligned(): readonly Value[] {
    const values = this.node.inputs.map((_, index) => {
      const node = this.operandNode(index);
      return isRepeat(node) ? this.lined(this.emittedSource(node)) : this.operand(index, this.order);
    });
    if (sameShape(together(values.map(({ shape }) => shape)), this.shape)) return values;
    return values.map((value, index) => (index === 0 ? this.operand(0, this.order) : value));
  }

  private emittedSource(repeat: Node): Value {
    const source = this.graph.nodes[repeat.inputs[0]!]!;
    return this.ordered(this.emitted(source.id), this.orders[source.id]!, 'last');
  }

  /** A smaller operand, channels last, with as many axes as the node where its order is another. */
  private lined(value: Value): Value {
    if (this.order === 'last') return value;
    return this.ordered(this.writer.reshape(value, [...[1, 1, 1, 1].slice(value.shape.length), ...value.shape]), 'last', 'first');
  }

  /** Axis of the node in its order, from ampc's. */
  axis(axis: number, order: ChannelOrder = this.order): number {
    return this.type.shape.length === 4 ? axisIn(order, axis) : axis;
  }

  /** One operator: its operands and result in one format that it takes, or in f32 and then rounded. */
  op(
    type: string,
    operands: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    shape = this.shape,
  ): Value {
    const { dtype } = this.type;
    if (NATIVE.has(dtype) && operands.every((operand) => operand === undefined || !isFloat(operand.dtype) || operand.dtype === dtype))
      return this.writer.op(type, operands, attributes, { dtype, shape });
    const wide = operands.map((operand) => operand && (isFloat(operand.dtype) ? this.writer.cast(operand, 'f32') : operand));
    return this.writer.cast(this.writer.op(type, wide, attributes, { dtype: 'f32', shape }), dtype);
  }

  /** An operator that only moves elements. Few runtimes do that to bf16 and smaller formats: they are moved as f32. */
  moved(type: string, operands: readonly (Value | string)[], attributes: Readonly<Record<string, AttributeValue>>, shape: Shape): Value {
    const { dtype } = this.type;
    const isWhole = (operand: Value | string): operand is string => typeof operand === 'string' || !isFloat(operand.dtype);
    const moved = NATIVE.has(dtype) ? dtype : 'f32';
    const given = operands.map((operand) => (isWhole(operand) ? operand : this.writer.cast(operand, moved)));
    return this.writer.cast(this.writer.op(type, given, attributes, { dtype: moved, shape }), dtype);
  }

  /** Several operators, in f32 and rounded once. */
  inSingle(operands: readonly Value[], make: (single: Single, ...operands: readonly Value[]) => Value): Value {
    const wide = operands.map((operand) => this.writer.cast(operand, 'f32'));
    return this.writer.cast(make(this.single, ...wide), this.type.dtype);
  }

  /** An operator of f32 tensors, which has the shape to which they are repeated unless another is given. */
  private readonly single: Single = (type, operands, attributes, shape) => {
    const values = operands.map((operand) => (typeof operand === 'number' ? this.writer.number(operand) : operand));
    return this.writer.op(type, values, attributes ?? {}, { dtype: 'f32', shape: shape ?? together(values.map((value) => value.shape)) });
  };

  /** Elements of `yes` where a comparison with a number holds, else of `no`; f32. */
  where(single: Single, comparison: 'Greater', x: Value, than: number, yes: Value, no: Value): Value {
    const condition = this.writer.op(comparison, [x, this.writer.number(than)], {}, { dtype: 'bool', shape: x.shape });
    return single('Where', [condition, yes, no]);
  }

  /** A shape as `Reshape` is told: the batch is what is left. Throws an Error where images of a batch are mixed. */
  given(shape: Shape): readonly number[] {
    if (shape.slice(1).some((size) => size % this.batch === 0 && size > 0))
      throw new Error(`${this.node.op} of ${this.node.layer} mixes the images of a batch`);
    return shape[0] === this.batch ? [-1, ...shape.slice(1)] : shape;
  }

  reshape(value: Value, shape: Shape): Value {
    return this.writer.reshape(value, shape, this.given(shape));
  }
}

export type Single = (
  type: string,
  operands: readonly (Value | number)[],
  attributes?: Readonly<Record<string, AttributeValue>>,
  shape?: Shape,
) => Value;
