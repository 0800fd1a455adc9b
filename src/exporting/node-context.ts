import { type Attrs, type Graph, type Node, numberAttr, numbersAttr, type TensorType } from '../ir/types.js';

/** What an emitter of any format sees of its node. */
export abstract class NodeContext {
  constructor(
    readonly graph: Graph,
    readonly node: Node,
  ) {}

  get attrs(): Attrs {
    return this.node.attrs;
  }

  get type(): TensorType {
    return this.node.type;
  }

  number(name: string): number {
    return numberAttr(this.attrs, name);
  }

  numbers(name: string): readonly number[] {
    return numbersAttr(this.attrs, name);
  }

  operandNode(index: number): Node {
    return this.graph.nodes[this.node.inputs[index]!]!;
  }

  hasOperand(index: number): boolean {
    return index < this.node.inputs.length;
  }
}
