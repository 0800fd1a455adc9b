import type { TorchLayout } from '../../interchange/layouts.js';
import { isConstant, isState } from '../../ir/structure.js';
import { type Graph, type Node, numberAttr, type Shape, sameShape, stringAttr } from '../../ir/types.js';
import { isRepeat } from '../../ops/index.js';
import { axisIn, type ChannelOrder } from '../channel-order.js';
import { NodeContext } from '../node-context.js';
import { number, tuple } from './python.js';

/** Height, width and channels of an image whose numbers are the features of a vector. */
export type FlatImage = readonly [height: number, width: number, channels: number];

/**
 * What a value of the graph is in Python. `first`: an image has its channels before its rows; a vector with an `image` has that image's
 * numbers in such an order.
 */
export interface TorchValue {
  /** A name, or something that methods can be called of. */
  readonly text: string;
  readonly order: ChannelOrder;
  readonly image?: FlatImage | undefined;
}

/** An expression of Python for a node. */
export type TorchEmitter = (context: TorchContext) => TorchValue;

export class TorchContext extends NodeContext {
  constructor(
    graph: Graph,
    node: Node,
    readonly layouts: ReadonlyMap<string, TorchLayout>,
    /** Images of a batch that the graph is for. */
    readonly batch: number,
    /** What a value is where the node is computed. Of a state: PyTorch's tensor. */
    private readonly value: (id: number) => TorchValue,
    /** The number of images. */
    readonly batchSize: () => string,
  ) {
    super(graph, node);
  }

  /** An operand in the order that it has; of a state, in ampc's. */
  given(index: number): TorchValue {
    const node = this.operandNode(index);
    if (isState(node)) return { text: this.inOwnOrder(node), order: 'last' };
    // Of a whole number torch.full would make integers.
    if (isConstant(node))
      return {
        text: `torch.full(${tuple(node.type.shape)}, ${number(numberAttr(node.attrs, 'value'))}, dtype=torch.float32)`,
        order: 'last',
      };
    return this.value(node.id);
  }

  operand(index: number, order: ChannelOrder = 'last'): string {
    return this.ordered(this.given(index), this.operandNode(index).type.shape, order).text;
  }

  /** A parameter as PyTorch has it. */
  parameter(index: number): string {
    return this.value(this.operandNode(index).id).text;
  }

  layoutOf(state: Node): TorchLayout {
    return this.layouts.get(stringAttr(state.attrs, 'name'))!;
  }

  /** The image for whose features, channels first, a layer's weights are. */
  imageOf(index: number): FlatImage | undefined {
    const node = this.operandNode(index);
    if (!isState(node)) return undefined;
    const { split, shape } = this.layoutOf(node);
    return split.length > shape.length ? (split.slice(0, 3) as unknown as FlatImage) : undefined;
  }

  /** The first operand as weights want it that may be for the features of an image. */
  features(weights: number): TorchValue {
    const image = this.imageOf(weights);
    const x = this.given(0);
    return image === undefined ? { text: this.operand(0), order: 'last' } : this.flattened(x, image);
  }

  private flattened(x: TorchValue, image: FlatImage): TorchValue {
    if (x.image !== undefined && x.order === 'first') return x;
    return { text: `${x.text}.unflatten(1, ${tuple(image)}).permute(0, 3, 1, 2).flatten(1)`, order: 'first', image };
  }

  ordered(value: TorchValue, shape: Shape, order: ChannelOrder): TorchValue {
    const { text, image } = value;
    if (value.order === order) return value;
    if (shape.length === 4) return { text: `${text}.permute(${order === 'first' ? '0, 3, 1, 2' : '0, 2, 3, 1'})`, order };
    if (image === undefined) return { text, order };
    if (order === 'first') return this.flattened(value, image);
    const [height, width, channels] = image;
    return { text: `${text}.unflatten(1, ${tuple([channels, height, width])}).permute(0, 2, 3, 1).flatten(1)`, order };
  }

  private inOwnOrder(state: Node): string {
    const { split, axes, shape, text } = this.layoutOf(state);
    const name = this.value(state.id).text;
    if (text === undefined) return name;
    const back = axes.map((_, axis) => axes.indexOf(axis));
    const apart = split.length === shape.length ? name : `${name}.reshape${tuple(axes.map((axis) => split[axis]!))}`;
    const moved = `${apart}.permute${tuple(back)}`;
    return sameShape(split, state.type.shape) ? moved : `${moved}.reshape${tuple(state.type.shape)}`;
  }

  /** The operands of an elementwise op in one order: what a copy repeats is taken before that, as PyTorch repeats it by itself. */
  aligned(): { readonly texts: readonly string[]; readonly order: ChannelOrder; readonly image?: FlatImage | undefined } {
    const rank = this.type.shape.length;
    const whole = this.node.inputs.flatMap((_, index) => (this.isSmall(index) ? [] : [this.given(index)]));
    const isFirst = whole.some(({ order }) => order === 'first');
    const images = new Set(whole.map(({ order, image }) => (order === 'first' ? image?.join() : undefined)));
    const order: ChannelOrder = rank === 4 ? (isFirst ? 'first' : 'last') : isFirst && images.size === 1 ? 'first' : 'last';
    const image = order === 'first' ? whole[0]!.image : undefined;
    const all = whole.length === 0;
    const texts = this.node.inputs.map((_, index) =>
      this.isSmall(index) && !(all && index === 0) ? this.small(index, order, image) : this.operand(index, order),
    );
    return { texts, order, image };
  }

  private isSmall(index: number): boolean {
    const node = this.operandNode(index);
    return isRepeat(node) || isConstant(node) || isState(node);
  }

  private small(index: number, order: ChannelOrder, image: FlatImage | undefined): string {
    const node = this.operandNode(index);
    if (isConstant(node)) return number(numberAttr(node.attrs, 'value'));
    const source = isRepeat(node) ? this.graph.nodes[node.inputs[0]!]! : node;
    const { shape } = source.type;
    const rank = this.type.shape.length;
    const isImage = order === 'first' && rank === 4;
    if (isConstant(source)) return number(numberAttr(source.attrs, 'value'));
    if (isState(source)) {
      const { text } = this.layoutOf(source);
      const name = this.value(source.id).text;
      // Channels first already.
      if (order === 'first' && text !== undefined && shape.length === (isImage ? 3 : 1)) return name;
      const own = this.inOwnOrder(source);
      if (isImage && shape.length === 1) return `${own}.view(-1, 1, 1)`;
      if (image !== undefined && shape.length === 1) return `${own}.unflatten(0, ${tuple(image)}).permute(2, 0, 1).flatten()`;
      return isImage ? `${own}.reshape${tuple([...[1, 1, 1, 1].slice(shape.length), ...shape])}.permute(0, 3, 1, 2)` : own;
    }
    const computed = this.value(source.id);
    if (shape.length === rank || !isImage) return this.ordered(computed, shape, rank === 4 && shape.length === 4 ? order : 'last').text;
    return `${computed.text}.reshape${tuple([...[1, 1, 1, 1].slice(shape.length), ...this.sizes(shape)])}.permute(0, 3, 1, 2)`;
  }

  /** A shape in which the batch is whatever is left. */
  sizes(shape: Shape): readonly number[] {
    return shape[0] === this.batch ? [-1, ...shape.slice(1)] : shape;
  }

  /** Axis of a tensor of the node's rank in an order. */
  axis(axis: number, order: ChannelOrder): number {
    return this.type.shape.length === 4 ? axisIn(order, axis) : axis;
  }
}
