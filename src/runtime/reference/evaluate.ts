import type { WireType } from '../../ir/ranks.js';
import { isState } from '../../ir/structure.js';
import type { Graph, Node, TensorType, ValueId } from '../../ir/types.js';
import { elementCount, isFloat, numberAttr, stringAttr, stringsAttr } from '../../ir/types.js';
import { roundArray } from '../../numeric/encoding.js';
import { isNarrow } from '../../numeric/formats.js';
import { opDefinition } from '../../ops/index.js';
import type { Collectives } from '../collectives.js';
import type { Elements } from './kernel.js';
import { KERNELS } from './kernels.js';

export interface EvaluateOptions {
  /** Compute in double precision and round nothing, for finite differences. */
  readonly float64?: boolean;
  /** Look for the first of these values that holds an infinity or a NaN. */
  readonly trace?: ReadonlySet<ValueId>;
  /** Values to keep besides the outputs; `all` keeps every one. */
  readonly keep?: 'all';
}

export interface Evaluation {
  /** Results by node: the outputs of the graph, or all with `keep: 'all'`. */
  readonly values: ReadonlyMap<ValueId, Elements>;
  /** New elements of the states that were written. */
  readonly writes: ReadonlyMap<string, Elements>;
  /** With `trace`: the first node, in order, with a non-finite element. */
  readonly nonFinite: ValueId | undefined;
}

const INTEGERS = { i32: Int32Array, u8: Uint8Array, bool: Uint8Array } as const;

/** Zeros of a type; floats in double precision where asked. */
export function allocate(type: TensorType, float64 = false): Elements {
  const count = elementCount(type.shape);
  if (isFloat(type.dtype)) return float64 ? new Float64Array(count) : new Float32Array(count);
  return new INTEGERS[type.dtype](count);
}

function given(node: Node, kind: string, elements: Elements | undefined): Elements {
  const name = stringAttr(node.attrs, 'name');
  if (elements === undefined) throw new Error(`${kind} ${name} is missing`);
  const wanted = elementCount(node.type.shape);
  if (elements.length !== wanted) throw new Error(`${kind} ${name} has ${elements.length} elements, not ${wanted}`);
  return elements;
}

/** Index of the last node that reads each value; infinity for values to keep. */
function lastReads(graph: Graph, keepAll: boolean): number[] {
  const last = graph.nodes.map((node) => (keepAll ? Infinity : node.id));
  for (const node of graph.nodes) for (const input of node.inputs) last[input] = Math.max(last[input], node.id);
  for (const output of Object.values(graph.outputs)) last[output] = Infinity;
  return last;
}

function holdsNonFinite(elements: Elements): boolean {
  for (let i = 0; i < elements.length; i += 1) if (!Number.isFinite(elements[i])) return true;
  return false;
}

/**
 * Computes a graph node by node: this is what a graph means. Every op reads its operands exactly, computes in double precision, rounds the
 * result once to f32 and once more to its format. Sums in f32, as the backends do them, differ from that by the rounding of their
 * terms; tests allow for it.
 *
 * @param inputs elements by input name
 * @param states elements by state name; not changed
 */
export function evaluateGraph(
  graph: Graph,
  inputs: Readonly<Record<string, Elements>>,
  states: ReadonlyMap<string, Elements>,
  options: EvaluateOptions = {},
): Evaluation {
  const nodes = evaluateNodes(graph, inputs, states, options);
  for (;;) {
    const next = nodes.next();
    if (next.done === true) return next.value;
  }
}

/** As `evaluateGraph`, on one of several ranks, which exchange what the graph says. */
export async function evaluateAmong(
  peers: Collectives,
  graph: Graph,
  inputs: Readonly<Record<string, Elements>>,
  states: ReadonlyMap<string, Elements>,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const nodes = evaluateNodes(graph, inputs, states, options);
  for (let sum: Float32Array | undefined; ; ) {
    const next = nodes.next(sum);
    if (next.done === true) return next.value;
    sum = await peers.sum(Float32Array.from(next.value.own), stringAttr(next.value.node.attrs, 'wire') as WireType);
  }
}

/** What a rank has of an exchange; it goes on with the sum of all, or with none where it is alone. */
interface Request {
  readonly node: Node;
  readonly own: Elements;
}

function* evaluateNodes(
  graph: Graph,
  inputs: Readonly<Record<string, Elements>>,
  states: ReadonlyMap<string, Elements>,
  options: EvaluateOptions,
): Generator<Request, Evaluation, Float32Array | undefined> {
  const { float64 = false, trace } = options;
  const values = new Map<ValueId, Elements>();
  const writes = new Map<string, Elements>();
  const last = lastReads(graph, options.keep === 'all');
  const f32 = float64 ? (x: number) => x : Math.fround;
  let nonFinite: ValueId | undefined;

  const formats = new Map(graph.nodes.filter(isState).map(({ attrs, type }) => [stringAttr(attrs, 'name'), type.dtype]));
  /** Rounds to the format in which the state is stored. */
  const write = (name: string, elements: Elements): void => {
    const dtype = formats.get(name) ?? 'f32';
    const stored = isNarrow(dtype) && elements instanceof Float32Array ? elements.slice() : elements;
    if (stored instanceof Float32Array) roundArray(dtype, stored);
    writes.set(name, stored);
  };

  const compute = (node: Node): Elements => {
    const { op, type, attrs } = node;
    if (op === 'input') return given(node, 'input', inputs[stringAttr(attrs, 'name')]);
    if (op === 'state') return given(node, 'state', states.get(stringAttr(attrs, 'name')));
    const output = allocate(type, float64);
    if (op === 'constant') {
      output.fill(numberAttr(attrs, 'value'));
    } else {
      KERNELS[op]({
        node,
        type,
        types: node.inputs.map((id) => graph.nodes[id].type),
        inputs: node.inputs.map((id) => values.get(id)!),
        output,
        f32,
        write: (position, elements) => write(stringsAttr(attrs, 'writes')[position], elements),
      });
    }
    if (output instanceof Float32Array) roundArray(type.dtype, output);
    return output;
  };

  for (const node of graph.nodes) {
    const sum = opDefinition(node.op).kind === 'exchange' ? yield { node, own: values.get(node.inputs[0]!)! } : undefined;
    const result = sum ?? compute(node);
    values.set(node.id, result);
    if (nonFinite === undefined && trace?.has(node.id) === true && isFloat(node.type.dtype) && holdsNonFinite(result)) nonFinite = node.id;
    for (const id of [...node.inputs, node.id]) if (last[id] <= node.id) values.delete(id);
  }
  return { values, writes, nonFinite };
}
