import { GraphBuilder } from '../ir/builder.js';
import { findConsumers } from '../ir/consumers.js';
import type { PrecisionSpec } from '../ir/program.js';
import { removeDeadNodes } from '../ir/rewrite.js';
import { isState } from '../ir/structure.js';
import type { DType, Graph, Node, ValueId } from '../ir/types.js';
import { isFloat, stringAttr } from '../ir/types.js';
import type { Why } from '../ir/why.js';
import { isRepeat, isView, opDefinition } from '../ops/index.js';
import { decide, type Situation } from './decide.js';
import { findPin } from './pins.js';
import { rulePolicy } from './policy.js';
import { storageOf } from './storage.js';

/** Every cast of a value to one format, made once and shared by all who read it. */
class Casts {
  private readonly made = new Map<string, ValueId>();
  private readonly ofMasters = new Map<Why, Why>();
  /** Copies that only repeat, by the same in another format, which their readers have in their place. */
  private readonly remade = new Map<ValueId, ValueId>();

  constructor(
    private readonly builder: GraphBuilder,
    /** Whether what is frozen has a copy, which is no part of a step. */
    private readonly copies: boolean,
  ) {}

  /** The value in `dtype`: itself, or its one cast. `reader` is the node that wants it. */
  read(value: ValueId, dtype: DType, reader: Node, why: Why): ValueId {
    const source = this.builder.node(value);
    if (source.type.dtype === dtype || !isFloat(source.type.dtype)) return value;
    const key = `${value}:${dtype}`;
    const before = this.made.get(key);
    if (before !== undefined) return before;
    if (isRepeat(source)) {
      // What is repeated is rounded before, once for all of its copies.
      const repeated = this.builder.add({
        ...source,
        why,
        inputs: [this.read(source.inputs[0]!, dtype, reader, why)],
        type: { dtype, shape: source.type.shape },
      });
      this.made.set(key, repeated);
      this.remade.set(value, repeated);
      return repeated;
    }
    const isMaster = isState(source);
    if (this.copies && isMaster && source.attrs.role === 'parameter' && source.attrs.frozen === true) {
      const copy = this.copyOf(source, dtype, why);
      this.made.set(key, copy);
      return copy;
    }
    const place = reader.layer === '' && source.gradOf !== undefined ? this.builder.node(source.gradOf) : reader;
    const id = this.builder.add({
      op: 'cast',
      inputs: [value],
      attrs: { to: dtype },
      type: { dtype, shape: source.type.shape },
      layer: place.layer,
      ...(place.loc && { loc: place.loc }),
      why: isMaster ? this.oncePerStep(why) : why,
      ...(source.gradOf !== undefined && { gradOf: source.gradOf }),
      ...(source.updateOf !== undefined && { updateOf: source.updateOf }),
    });
    this.made.set(key, id);
    return id;
  }

  /** The value whose gradient is meant by that of `value`: what is read in its place, where it is repeated in another format. */
  asRead(value: ValueId): ValueId {
    return this.remade.get(value) ?? value;
  }

  private copyOf({ attrs, type: { shape }, layer, loc }: Node, dtype: DType, why: Why): ValueId {
    const of = stringAttr(attrs, 'name');
    return this.builder.add({
      op: 'state',
      attrs: { name: `${of}.${dtype}`, role: 'copy', init: 'constant', value: 0, of },
      type: { dtype, shape },
      layer,
      ...(loc && { loc }),
      why: { ...why, text: `${why.text}, cast when ${of} is written: it is frozen` },
    });
  }

  private oncePerStep(why: Why): Why {
    const known = this.ofMasters.get(why) ?? { ...why, text: `${why.text}, cast once per step` };
    this.ofMasters.set(why, known);
    return known;
  }
}

/**
 * Gives every value its format and inserts every cast: the precision plan. One sweep in execution order, because a node's format can depend
 * on its operands' and, in the backward pass, on the forward value's. The result has no value whose format is not decided here.
 * `copies`: a frozen parameter in another format is a state of its own, which the backend writes with it.
 */
export function assignPrecision(graph: Graph, spec: PrecisionSpec, { copies = false }: { readonly copies?: boolean } = {}): Graph {
  const policy = rulePolicy(spec);
  const builder = new GraphBuilder();
  const casts = new Casts(builder, copies);
  const consumers = findConsumers(graph);
  /** Who reads a value, also as another view of it: a reshape that follows does not care for the format. */
  const readersOf = (id: ValueId): readonly Node[] =>
    consumers[id]!.flatMap((reader) => {
      const node = graph.nodes[reader]!;
      return isView(node) && classOf(node, spec) === 'follow' ? readersOf(reader) : [node];
    });
  /** Whether a value is a parameter, or one under another shape. */
  const isLearned = (id: ValueId): boolean => {
    const node = graph.nodes[id]!;
    if (isState(node)) return node.attrs.role === 'parameter';
    return (isRepeat(node) || isView(node)) && isLearned(node.inputs[0]!);
  };
  const storage = storageOf(graph, spec);
  /** Whatever it is stored in, the update of a state computes in f32: so do its gradient, and what joins what the optimizer keeps. */
  const updatedIn = (id: ValueId): DType | undefined => {
    const node = graph.nodes[id]!;
    return storage(node) !== undefined && (node.attrs.role === 'optimizer' || spec.policy !== 'autocast') ? 'f32' : undefined;
  };
  const moved: ValueId[] = [];
  /** By layer and forward value: the format in which the layer's forward op read the value. */
  const readAs = new Map<string, Map<ValueId, DType>>();

  for (const node of graph.nodes) {
    const op = opDefinition(node.op);
    const forward = node.gradOf;
    const own = forward === undefined ? undefined : casts.asRead(moved[forward]!);
    const stored = storage(node);
    if (stored !== undefined) {
      moved[node.id] = builder.add({ ...node, type: { dtype: stored.dtype, shape: node.type.shape }, why: stored.why });
      continue;
    }
    const situation: Situation = {
      policy,
      compute: spec.compute,
      computeReason: spec.chosen?.reason,
      pin: findPin(node, spec.pins),
      operands: node.inputs.map((id) => (op.precision === 'fixed' ? undefined : updatedIn(id)) ?? builder.type(moved[id]!).dtype),
      learned: node.inputs.map(isLearned),
      forward:
        own === undefined
          ? undefined
          : { own: updatedIn(forward!) ?? builder.type(own).dtype, read: readAs.get(node.layer)?.get(forward!) },
      consumers: op.precision === 'source' ? readersOf(node.id).map((n) => ({ op: n.op, precision: classOf(n, spec) })) : [],
    };
    const decision = decide(node, op, situation);
    const inputs = node.inputs.map((id, index) => casts.read(moved[id]!, decision.operands[index]!, node, decision.readWhy));
    if (forward === undefined) {
      const formats = readAs.get(node.layer) ?? new Map<ValueId, DType>();
      readAs.set(node.layer, formats);
      for (const [index, id] of node.inputs.entries()) formats.set(id, decision.operands[index]!);
    }
    moved[node.id] = builder.add({
      ...node,
      inputs,
      type: { dtype: decision.result, shape: node.type.shape },
      why: decision.why,
      ...(own !== undefined && { gradOf: own }),
      ...(node.updateOf !== undefined && { updateOf: moved[node.updateOf]! }),
    });
  }
  const outputs = Object.fromEntries(Object.entries(graph.outputs).map(([name, id]) => [name, moved[id]!]));
  return removeDeadNodes(builder.finish(graph.name, outputs));
}

function classOf(node: Node, spec: PrecisionSpec) {
  const pin = findPin(node, spec.pins);
  return pin?.dtype === 'f32' ? ('full' as const) : opDefinition(node.op).precision;
}
