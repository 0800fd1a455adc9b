import { given } from '../../src/given.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { Attrs, ComputeType, DType, Graph, Node, TensorType, ValueId } from '../../src/ir/types.js';
import { elementCount, stringAttr } from '../../src/ir/types.js';
import { writesOf } from '../../src/ir/validate.js';
import { roundArray } from '../../src/numeric/encoding.js';
import { emit } from '../../src/ops/emit.js';
import { OPS, type OpName, opDefinition } from '../../src/ops/index.js';
import {
  matchOperands,
  type OpDefinition,
  type OperandSpec,
  type OpSample,
  type SampleRandom,
  type ValueDomain,
} from '../../src/ops/op.js';
import type { Plan } from '../../src/plan/plan.js';
import { planGraph } from '../../src/plan/plan-graph.js';
import { defaultTarget } from '../../src/plan/target.js';
import type { InputData } from '../../src/runtime/backend.js';
import { namedRandom } from './random.js';

/**
 * One op with random operands, as a graph that any backend can run: `eval_step` with the output `result`. Floats are f32 states, followed
 * by a `cast` where the operand is in a low format; labels, images and step counts are inputs.
 */
export interface OpCase {
  readonly op: OpName;
  readonly seed: number;
  readonly graph: Graph;
  /** The node of the op. */
  readonly node: ValueId;
  readonly inputs: Readonly<Record<string, InputData>>;
  readonly states: ReadonlyMap<string, Float32Array | Int32Array>;
}

/** Ops that have cases: all but the sources. */
export const SAMPLED_OPS = (Object.keys(OPS) as OpName[]).filter((name) => opDefinition(name).sample !== 'none');

const INPUTS: readonly string[] = ['image', 'label', 'step', 'lr'];
const DEFAULT_DOMAIN: ValueDomain = { low: -2, high: 2 };

export function sampleOf(op: OpName, random: SampleRandom): OpSample {
  const { sample } = opDefinition(op);
  if (sample === 'none') throw new Error(`${op} has no sampler`);
  return sample(random);
}

/** Names and specs of a sample's operands; the names of a variadic operand end in a number. */
export function operandsOf(op: OpDefinition, types: readonly TensorType[]): readonly (OperandSpec & { readonly unique: string })[] {
  const specs = matchOperands(op, types);
  if (specs === undefined) throw new Error('the sample does not fit the operands');
  return specs.map((spec, i) => ({ ...spec, unique: spec.variadic === true ? `${spec.name}${i}` : spec.name }));
}

function randomElements(type: TensorType, domain: ValueDomain, random: SampleRandom): Float32Array | Int32Array | Uint8Array {
  const count = elementCount(type.shape);
  if (type.dtype === 'f32') return Float32Array.from({ length: count }, () => random.real(domain.low, domain.high));
  const integers = Array.from({ length: count }, () => random.int(domain.low, domain.high));
  return type.dtype === 'i32' ? Int32Array.from(integers) : Uint8Array.from(integers);
}

/** A format that a policy with compute format `dtype` could give to an operand; pins make f32 possible where an op reads any format. */
function operandFormat(op: OpDefinition, spec: OperandSpec, dtype: ComputeType, random: SampleRandom): ComputeType | undefined {
  if (spec.format === 'exact') return random.pick([dtype, dtype, 'f32']);
  if (spec.format === 'accumulator') return random.pick(['f32', dtype]);
  if (spec.format === 'class') return op.precision === 'full' || op.precision === 'fixed' ? 'f32' : dtype;
  return undefined;
}

/** Whether the operand is a state that the op reads and writes in the format in which it is stored. */
function isStored({ kind }: OpDefinition, { format, name }: OperandSpec, { writes }: Attrs): boolean {
  return kind === 'update' && format === 'exact' && Array.isArray(writes) && writes.includes(name);
}

function resultFormat(op: OpDefinition, dtype: ComputeType, attrs: Attrs, random: SampleRandom): DType | undefined {
  if (op.result === 'first') return undefined;
  if (op === OPS.cast) return stringAttr(attrs, 'to') as DType;
  if (op.result === 'accumulator') return random.pick(['f32', dtype]);
  if (op.result !== 'class') return op.result;
  if (op.precision === 'full' || op.precision === 'fixed') return 'f32';
  // The gradient of an f32 value that a low op read through a cast.
  return op.precision === 'low' && op.operands.some(({ name }) => name === 'dy') ? random.pick([dtype, dtype, 'f32']) : dtype;
}

/**
 * A random case of `op`, with operands in the formats that the compute format `dtype` means for it. `lowStates`: whether updates are of
 * states in that format too.
 */
export function opCase(name: OpName, dtype: ComputeType, seed: number, lowStates = true): OpCase {
  const op = opDefinition(name);
  const random = namedRandom(name, seed);
  const { types, attrs, domains } = sampleOf(name, random);
  const operands = operandsOf(op, types);
  const builder = new GraphBuilder();
  const inputs: Record<string, InputData> = {};
  const states = new Map<string, Float32Array | Int32Array>();
  const declared = new Map<string, ValueId>();

  const declareState = (stateName: string, type: TensorType, elements: Float32Array | Int32Array): ValueId => {
    if (elements instanceof Float32Array) roundArray(type.dtype, elements);
    states.set(stateName, elements);
    return builder.add({ op: 'state', attrs: { name: stateName, role: 'parameter', init: 'constant', value: 0 }, type });
  };
  for (const isInput of [true, false]) {
    for (const [i, spec] of operands.entries()) {
      const { unique } = spec;
      const type = types[i];
      if (INPUTS.includes(unique) !== isInput) continue;
      const elements = () => randomElements(type, domains?.[i] ?? DEFAULT_DOMAIN, random);
      if (isInput) {
        inputs[unique] = elements();
        declared.set(unique, builder.add({ op: 'input', attrs: { name: unique }, type }));
      } else if (type.dtype === 'bool') {
        const probe = Float32Array.of(random.pick([1, Infinity]));
        declared.set(unique, declareState(`${unique}_probe`, { dtype: 'f32', shape: [1] }, probe));
      } else if (name === 'max_pool2d_grad' && unique === 'index') {
        const [height, width] = attrs.size as readonly number[];
        const shape = [type.shape[0], height, width, type.shape[3]];
        declared.set(
          unique,
          declareState('pooled', { dtype: 'f32', shape }, randomElements({ dtype: 'f32', shape }, DEFAULT_DOMAIN, random) as Float32Array),
        );
      } else {
        const stored = lowStates && isStored(op, spec, attrs) ? random.pick([dtype, dtype, 'f32'] as const) : type.dtype;
        declared.set(unique, declareState(unique, { ...type, dtype: stored }, elements() as Float32Array | Int32Array));
      }
    }
  }
  const ids = operands.map((spec, i) => {
    const id = declared.get(spec.unique)!;
    if (types[i].dtype === 'bool') return emit(builder, 'all_finite', [id]);
    if (name === 'max_pool2d_grad' && spec.unique === 'index') {
      const { size: _, ...window } = attrs;
      return emit(builder, 'max_pool2d_index', [id], window);
    }
    const format = isStored(op, spec, attrs) ? undefined : operandFormat(op, spec, dtype, random);
    return format === undefined || format === 'f32' ? id : emit(builder, 'cast', [id], { to: format }, { why: `case: ${format}` });
  });
  const node = emit(builder, name, ids, attrs, given({ dtype: resultFormat(op, dtype, attrs, random) }));
  return { op: name, seed, graph: builder.finish('eval_step', { result: node }), node, inputs, states };
}

/** The case with each of its f32 operands in turn a constant, as far as the op writes no state of that name and computes something. */
export function withConstants(item: OpCase): readonly OpCase[] {
  const { graph, node, states } = item;
  const written = new Set(writesOf(graph.nodes[node]!));
  const operands = [...new Set(graph.nodes[node]!.inputs)].filter((id) => {
    const { op, type, attrs } = graph.nodes[id]!;
    return item.op !== 'reshape' && op === 'state' && type.dtype === 'f32' && !written.has(String(attrs.name));
  });
  return operands.map((id) => {
    const { attrs, type } = graph.nodes[id]!;
    const name = String(attrs.name);
    const constant: Node = { id, op: 'constant', inputs: [], attrs: { value: states.get(name)![0]! }, type, layer: '' };
    const rest = new Map([...states].filter(([other]) => other !== name));
    return { ...item, graph: { ...graph, nodes: graph.nodes.with(id, constant) }, states: rest };
  });
}

/** `count` cases of `op`, from consecutive seeds. */
export function opCases(name: OpName, dtype: ComputeType, seed: number, count = 1): readonly OpCase[] {
  return Array.from({ length: count }, (_, i) => opCase(name, dtype, seed + i));
}

/** The case as a plan, for `Backend.load`. */
export function casePlan({ graph, op }: OpCase, backend: string): Plan {
  const target = defaultTarget(backend);
  return { model: op, policy: 'case', precision: 'f32', target, functions: [planGraph(graph, 1, target)] };
}
