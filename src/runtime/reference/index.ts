import { isState } from '../../ir/structure.js';
import { byteLength, stringAttr, type TensorType } from '../../ir/types.js';
import { roundArray } from '../../numeric/encoding.js';
import type { FunctionName, Plan, PlanFunction } from '../../plan/plan.js';
import { storedValues } from '../../plan/probe.js';
import { defaultTarget } from '../../plan/target.js';
import { breathe, engine } from '../../platform/system.js';
import { checkAttributes } from '../attributes.js';
import type { Backend, CallOptions, Executable, Inputs, NonFinite, Scalars } from '../backend.js';
import { type Collectives, checkPeers } from '../collectives.js';
import { copiesOf, ownStates } from '../copies.js';
import { checkElements, type StateElements } from '../state-elements.js';
import { ATTRIBUTES } from './attributes.js';
import { allocate, evaluateAmong, evaluateGraph } from './evaluate.js';
import type { Elements } from './kernel.js';

/** Zeroed states of all functions by name, their types, and their size in bytes. */
function allocateStates(plan: Plan): { states: Map<string, StateElements>; types: Map<string, TensorType>; bytes: number } {
  const states = new Map<string, StateElements>();
  const types = new Map<string, TensorType>();
  let bytes = 0;
  for (const { graph } of plan.functions) {
    for (const node of graph.nodes) {
      if (!isState(node) || states.has(stringAttr(node.attrs, 'name'))) continue;
      states.set(stringAttr(node.attrs, 'name'), allocate(node.type) as StateElements);
      types.set(stringAttr(node.attrs, 'name'), node.type);
      bytes += byteLength(node.type);
    }
  }
  return { states, types, bytes };
}

/** Runs a plan's graphs node by node, on the thread of the caller. */
class ReferenceExecutable implements Executable {
  readonly compileMs = 0;
  readonly memory: Executable['memory'];
  private readonly functions: ReadonlyMap<FunctionName, PlanFunction>;
  private readonly states: Map<string, StateElements>;
  private readonly types: ReadonlyMap<string, TensorType>;
  private readonly own: readonly string[];
  private readonly copies: ReturnType<typeof copiesOf>;
  private scalars: Scalars[] = [];
  private tensors = new Map<string, Elements>();
  private traced: NonFinite | undefined;

  constructor(
    plan: Plan,
    private readonly peers: Collectives | undefined,
  ) {
    const { states, types, bytes } = allocateStates(plan);
    this.states = states;
    this.types = types;
    this.own = ownStates(plan);
    this.copies = copiesOf(plan);
    this.functions = new Map(plan.functions.map((fn) => [fn.name, fn]));
    this.memory = { states: bytes, arena: Math.max(0, ...plan.functions.map((fn) => fn.memory.arena)), workspace: 0 };
  }

  async call(name: FunctionName, inputs: Inputs, options: CallOptions = {}): Promise<void> {
    const fn = this.functions.get(name);
    if (fn === undefined) throw new Error(`the plan has no function ${name}`);
    // The computation blocks; signals and timers get their turn first.
    await breathe();
    const { graph } = fn;
    const trace = options.trace === true ? storedValues(fn) : undefined;
    const how = trace === undefined ? {} : { trace };
    const { values, writes, nonFinite } =
      this.peers === undefined
        ? evaluateGraph(graph, inputs, this.states, how)
        : await evaluateAmong(this.peers, graph, inputs, this.states, how);
    const scalars: Record<string, number> = {};
    this.tensors = new Map();
    for (const [output, id] of Object.entries(graph.outputs)) {
      const elements = values.get(id)!;
      if (graph.nodes[id].type.shape.length === 0) scalars[output] = elements[0];
      this.tensors.set(output, elements.slice());
    }
    this.scalars.push(scalars);
    // Last: an output may be a state as it was before the call.
    for (const [state, elements] of writes) this.state(state).set(elements);
    if (options.trace === true) this.traced = nonFinite === undefined ? undefined : { function: name, node: nonFinite };
  }

  async drain(): Promise<readonly Scalars[]> {
    const drained = this.scalars;
    this.scalars = [];
    return drained;
  }

  async readOutput(name: string): Promise<Float32Array> {
    const elements = this.tensors.get(name);
    if (elements === undefined) throw new Error(`the last call had no output ${name}`);
    return Float32Array.from(elements);
  }

  async nonFinite(): Promise<NonFinite | undefined> {
    return this.traced;
  }

  async readStates(names: readonly string[] = this.own): Promise<ReadonlyMap<string, StateElements>> {
    return new Map(names.map((name) => [name, this.state(name).slice()]));
  }

  async writeStates(values: ReadonlyMap<string, StateElements>): Promise<void> {
    for (const [name, elements] of values) {
      this.state(name);
      checkElements(name, this.types.get(name)!, elements);
      this.set(name, elements);
      for (const copy of this.copies.get(name) ?? []) this.set(copy.name, elements);
    }
  }

  async dispose(): Promise<void> {
    this.states.clear();
    this.tensors.clear();
  }

  /** Rounded to the format in which the state is stored. */
  private set(name: string, elements: Elements): void {
    const state = this.state(name);
    state.set(elements);
    if (state instanceof Float32Array) roundArray(this.types.get(name)!.dtype, state);
  }

  private state(name: string): StateElements {
    const elements = this.states.get(name);
    if (elements === undefined) throw new Error(`the plan has no state ${name}`);
    return elements;
  }
}

/** The oracle: plain TypeScript, slow, needs nothing. Every other backend is tested against it. */
export function createBackend(): Backend {
  return {
    name: 'reference',
    probe: async () => ({
      name: 'reference',
      available: true,
      device: `JavaScript (${engine})`,
      target: defaultTarget('reference'),
    }),
    load: async (plan, { peers } = {}) => {
      checkAttributes(plan, 'reference', ATTRIBUTES);
      checkPeers(plan, peers);
      return new ReferenceExecutable(plan, peers);
    },
  };
}
