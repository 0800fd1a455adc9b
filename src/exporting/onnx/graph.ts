import { isConstant, isInput, isState } from '../../ir/structure.js';
import { elementCount, type Graph, type Node, numberAttr, stringAttr } from '../../ir/types.js';
import { isRepeat, opDefinition } from '../../ops/index.js';
import { type ChannelOrder, channelOrders, inOrder } from '../channel-order.js';
import { batchOf, furtherNodes, inputName, isImage } from '../evaluation-graph.js';
import { isRefusal } from '../refusal.js';
import { EmitContext, type Emitter } from './context.js';
import { emittersFor } from './emitters.js';
import type { ImageType } from './norm.js';
import { OnnxWriter, type Value } from './writer.js';

export interface ImageForm {
  readonly type: ImageType;
  readonly layout: 'nhwc' | 'nchw';
}

const IMAGE = 'image';

/** Emitted only where something asks for it: most readers take its operand instead. */
function isLazy(node: Node): boolean {
  return isRepeat(node) || opDefinition(node.op).invertsVariance === 'positions';
}

/** The ops of a graph that ONNX has no form of, each with why. */
export function refusedOps(graph: Graph): readonly { readonly op: string; readonly why: string }[] {
  const emitters = emittersFor('u8') as Readonly<Record<string, Emitter | { readonly refused: string } | undefined>>;
  return [...new Set(graph.nodes.map(({ op }) => op))].flatMap((op) => {
    const entry = emitters[op];
    return entry !== undefined && isRefusal(entry) ? [{ op, why: entry.refused }] : [];
  });
}

/**
 * The ONNX graph of an evaluation, which ends in `logits`, f32. Its batch is that of the image, whatever it is; `states` are the elements
 * of parameters and statistics by name.
 */
export function emitGraph(graph: Graph, name: string, states: ReadonlyMap<string, Float32Array>, form: ImageForm) {
  const writer = new OnnxWriter();
  writer.unique(IMAGE);
  writer.unique('logits');
  for (const node of furtherNodes(graph)) writer.unique(inputName(node));
  const given: ChannelOrder = form.layout === 'nhwc' ? 'last' : 'first';
  const orders = channelOrders(graph).map((order, id) => (isImage(graph.nodes[id]!) ? given : order));
  const batch = batchOf(graph);
  const emitters = emittersFor(form.type);
  const values: (Value | undefined)[] = [];

  const batchSize = (): Value =>
    writer.once('batch size', () => writer.op('Shape', [IMAGE], { start: 0, end: 1 }, { dtype: 'i32', shape: [1] }));

  const source = (node: Node): Value => {
    const { shape } = node.type;
    if (isImage(node)) return { name: IMAGE, dtype: form.type === 'u8' ? 'u8' : 'f32', shape: inOrder(given, shape) };
    if (isInput(node)) return { name: inputName(node), dtype: node.type.dtype, shape };
    if (isState(node)) {
      const state = stringAttr(node.attrs, 'name');
      return writer.cast({ name: state, dtype: 'f32', shape, data: states.get(state)! }, node.type.dtype);
    }
    const data = new Float32Array(elementCount(shape)).fill(numberAttr(node.attrs, 'value'));
    return { name: `${node.layer}.constant`, dtype: 'f32', shape, data };
  };

  const emit = (node: Node): Value => {
    if (isInput(node) || isState(node) || isConstant(node)) return source(node);
    const emitter = (emitters as Readonly<Record<string, Emitter | { readonly refused: string }>>)[node.op]!;
    if (isRefusal(emitter)) throw new Error(`${node.op} is refused`);
    return emitter(new EmitContext(graph, node, writer, orders, batch, emittedAs, batchSize));
  };

  function emittedAs(id: number): Value {
    const before = values[id];
    if (before !== undefined) return before;
    const outer = writer.layer;
    const node = graph.nodes[id]!;
    writer.layer = node.layer;
    const value = emit(node);
    writer.layer = outer;
    values[id] = value;
    return value;
  }

  for (const node of graph.nodes) if (!isLazy(node)) emittedAs(node.id);
  const last = graph.nodes[graph.outputs.logits!]!;
  writer.layer = '';
  const context = new EmitContext(graph, last, writer, orders, batch, emittedAs, batchSize);
  const result = writer.cast(context.ordered(emittedAs(last.id), orders[last.id]!, 'last'), 'f32');
  const logits = result.data === undefined ? result : writer.op('Identity', [result], {}, { dtype: 'f32', shape: result.shape });
  return writer.finish(name, logits, 'logits');
}
