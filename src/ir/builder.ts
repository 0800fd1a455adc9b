import type { OpName } from './op-names.js';
import type { Attrs, Graph, Loc, Node, TensorType, ValueId } from './types.js';
import type { Why } from './why.js';

export interface NodeInit {
  readonly op: OpName;
  readonly inputs?: readonly ValueId[];
  readonly attrs?: Attrs;
  readonly type: TensorType;
  readonly layer?: string;
  readonly loc?: Loc | undefined;
  readonly why?: Why | undefined;
  readonly gradOf?: ValueId | undefined;
  readonly updateOf?: ValueId | undefined;
}

/** Appends nodes to a growing graph; what it has is never changed. */
export class GraphBuilder {
  readonly #nodes: Node[];

  constructor(nodes: readonly Node[] = []) {
    this.#nodes = [...nodes];
  }

  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  add(init: NodeInit): ValueId {
    const id = this.#nodes.length;
    // All fields, always: nodes of one form are several times faster to read than nodes of eight.
    const node: Node = {
      id,
      op: init.op,
      inputs: init.inputs ?? [],
      attrs: init.attrs ?? {},
      type: init.type,
      layer: init.layer ?? '',
      loc: init.loc,
      why: init.why,
      gradOf: init.gradOf,
      updateOf: init.updateOf,
    };
    this.#nodes.push(node);
    return id;
  }

  type(id: ValueId): TensorType {
    return this.node(id).type;
  }

  node(id: ValueId): Node {
    const node = this.#nodes[id];
    if (node === undefined) throw new Error(`no value %${id}`);
    return node;
  }

  finish(name: string, outputs: Readonly<Record<string, ValueId>>): Graph {
    return { name, nodes: this.#nodes, outputs };
  }
}
