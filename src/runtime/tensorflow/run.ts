import { isInput, isState } from '../../ir/structure.js';
import type { Graph, Node, ValueId } from '../../ir/types.js';
import { elementCount, formatType, isFloat, sameShape, stringAttr, stringsAttr } from '../../ir/types.js';
import type { PlanFunction } from '../../plan/plan.js';
import { storedValues } from '../../plan/probe.js';
import type { Inputs } from '../backend.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES, INT32 } from './device.js';
import type { Kernel, KernelContext } from './kernel.js';
import { KERNELS } from './kernels.js';
import type { States } from './states.js';

interface Step {
  readonly node: Node;
  readonly kernel: Kernel;
  /** Values that no later step reads. */
  readonly last: readonly ValueId[];
  /** Operands that one of the next few steps reads again: an f32 copy of them is kept until then. */
  readonly near: ReadonlySet<ValueId>;
}

/** How many steps an f32 copy may wait for its next reader. Sharing them all would keep activations in f32 up to the backward pass. */
const NEAR = 4;

/** A function of a plan, ready to run. */
export interface Program {
  readonly name: PlanFunction['name'];
  readonly graph: Graph;
  readonly steps: readonly Step[];
  /** What a traced call looks into: as on the other backends, what a kernel of the plan leaves in memory. */
  readonly stored: ReadonlySet<ValueId>;
}

export interface RunResult {
  /** Outputs of the function, each with one use that the caller ends. */
  readonly outputs: ReadonlyMap<string, Tensor>;
  /** With tracing: the first stored node with a non-finite element. */
  readonly nonFinite: ValueId | undefined;
}

/** Groups are left aside: every node rounds to its own format anyway, and TensorFlow runs one operation at a time. */
export function prepare(fn: PlanFunction): Program {
  const { name, graph } = fn;
  const lastRead = graph.nodes.map(({ id }) => id);
  for (const node of graph.nodes) for (const input of node.inputs) lastRead[input] = node.id;
  for (const id of Object.values(graph.outputs)) lastRead[id] = Infinity;
  const near = graph.nodes.map(() => new Set<ValueId>());
  const nextRead = new Map<ValueId, number>();
  for (const { id, inputs } of [...graph.nodes].reverse()) {
    for (const input of inputs) if ((nextRead.get(input) ?? Infinity) - id <= NEAR) near[id]!.add(input);
    for (const input of inputs) nextRead.set(input, id);
  }
  const last: ValueId[][] = graph.nodes.map(() => []);
  for (const [id, reader] of lastRead.entries()) last[reader]?.push(id);
  const steps = graph.nodes.map((node): Step => {
    return { node, kernel: KERNELS[node.op], last: last[node.id]!, near: near[node.id]! };
  });
  return { name, graph, steps, stored: storedValues(fn) };
}

/** Runs a function node by node; every tensor is freed after its last reader. */
export class Run {
  readonly #values = new Map<ValueId, Tensor>();
  readonly #shared = new Map<ValueId, Map<string, readonly Tensor[]>>();
  /** f32 copies of values that a near step reads again. */
  readonly #widened = new Map<ValueId, Tensor>();

  constructor(
    private readonly program: Program,
    private readonly tf: Calls,
    private readonly states: States,
    private readonly inputs: Inputs,
    private readonly nativeHalf: boolean,
  ) {}

  /** Everything is freed when it throws. */
  execute(trace: boolean): RunResult {
    let nonFinite: ValueId | undefined;
    try {
      for (const step of this.program.steps) {
        const { node } = step;
        const result = this.tf.device.tidy(() => this.#compute(step));
        this.#values.set(node.id, result);
        const isWatched = trace && nonFinite === undefined && this.program.stored.has(node.id);
        if (isWatched && isFloat(node.type.dtype) && !this.#isFinite(result)) nonFinite = node.id;
        for (const id of node.inputs) if (!step.near.has(id)) this.#freeWidened(id);
        for (const id of step.last) this.#free(id);
      }
      const outputs = new Map(Object.entries(this.program.graph.outputs).map(([name, id]) => [name, this.#values.get(id)!]));
      for (const tensor of outputs.values()) this.tf.device.retain(tensor);
      return { outputs, nonFinite };
    } finally {
      for (const id of [...this.#values.keys()]) this.#free(id);
    }
  }

  #compute(step: Step): Tensor {
    const { node, kernel } = step;
    const { type } = node;
    const raw = kernel(this.#context(step));
    const result = isFloat(type.dtype) && raw.dtype === CODES.f32 ? this.tf.cast(raw, CODES[type.dtype]) : raw;
    if (result.dtype !== CODES[type.dtype] || !sameShape(result.shape, type.shape)) {
      throw new Error(`${node.op} gave a tensor of type ${result.dtype}[${result.shape.join(',')}], not ${formatType(type)}`);
    }
    return result;
  }

  #context(step: Step): KernelContext {
    const { node, last } = step;
    const { tf, states, nativeHalf } = this;
    const { nodes } = this.program.graph;
    const written = (position: number) => stringsAttr(node.attrs, 'writes')[position]!;
    return {
      tf,
      node,
      nativeHalf,
      type: node.type,
      types: node.inputs.map((id) => nodes[id]!.type),
      inputs: node.inputs.map((id) => this.#values.get(id)!),
      source: () => (isState(node) ? states.read(stringAttr(node.attrs, 'name')) : this.#upload(node)),
      variable: (position) => states.variable(written(position)),
      write: (position, value) => states.assign(written(position), value),
      widened: (index) => this.#widen(node.inputs[index]!, step.near),
      finish: (index) => {
        const id = node.inputs[index]!;
        if (last.includes(id)) this.#free(id);
      },
      hostNumber: (index) => this.#hostNumber(nodes[node.inputs[index]!]!),
      shared: (index, key, make) => this.#share(node.inputs[index]!, key, make),
    };
  }

  #given({ attrs, type }: Node): Inputs[string] {
    const name = stringAttr(attrs, 'name');
    const elements = this.inputs[name];
    if (elements === undefined) throw new Error(`input ${name} of ${this.program.name} is missing`);
    const count = elementCount(type.shape);
    if (elements.length !== count) throw new Error(`input ${name} has ${elements.length} elements, not ${count}`);
    return elements;
  }

  /** The device may alias what it is given, and the caller reuses it: so it gets a copy. */
  #upload(node: Node): Tensor {
    const { dtype, shape } = node.type;
    const elements = this.#given(node).slice();
    return this.tf.cast(this.tf.device.upload(shape, dtype === 'i32' ? INT32 : CODES[dtype], elements), CODES[dtype]);
  }

  #hostNumber(node: Node): number {
    if (isInput(node)) return this.#given(node)[0]!;
    return readElements(this.tf, this.#values.get(node.id)!)[0]!;
  }

  #share(owner: ValueId, key: string, make: () => readonly Tensor[]): readonly Tensor[] {
    const tensors = this.#shared.get(owner)?.get(key) ?? this.tf.device.tidyMany(make);
    if (!this.#shared.has(owner)) this.#shared.set(owner, new Map());
    this.#shared.get(owner)!.set(key, tensors);
    return tensors;
  }

  #widen(id: ValueId, near: ReadonlySet<ValueId>): Tensor {
    const value = this.#values.get(id)!;
    const wide = this.#widened.get(id) ?? this.tf.to(value, 'f32');
    if (wide !== value && near.has(id) && !this.#widened.has(id)) {
      this.tf.device.retain(wide);
      this.#widened.set(id, wide);
    }
    return wide;
  }

  #freeWidened(id: ValueId): void {
    const wide = this.#widened.get(id);
    if (wide !== undefined) this.tf.device.release(wide);
    this.#widened.delete(id);
  }

  #free(id: ValueId): void {
    const tensor = this.#values.get(id);
    if (tensor === undefined) return;
    this.#values.delete(id);
    this.#freeWidened(id);
    this.tf.device.release(tensor);
    for (const tensors of this.#shared.get(id)?.values() ?? []) for (const made of tensors) this.tf.device.release(made);
    this.#shared.delete(id);
  }

  #isFinite(x: Tensor): boolean {
    const { tf } = this;
    const finite = tf.device.tidy(() => tf.all(tf.test('IsFinite', x)));
    const [answer] = tf.device.download(finite);
    tf.device.release(finite);
    return answer !== 0;
  }
}

/** Elements of a tensor of any format, waiting for the device; floats widened to f32. */
export function readElements(tf: Calls, x: Tensor): Float32Array | Int32Array | Uint8Array {
  const isInteger = x.dtype === CODES.i32 || x.dtype === CODES.u8;
  const readable = tf.device.tidy(() => (x.dtype === CODES.bool ? x : tf.cast(x, isInteger ? INT32 : CODES.f32)));
  try {
    return tf.device.download(readable);
  } finally {
    tf.device.release(readable);
  }
}
