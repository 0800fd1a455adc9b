import { isCopy, isState } from '../../ir/structure.js';
import { byteLength, stringAttr } from '../../ir/types.js';
import { roundArray } from '../../numeric/encoding.js';
import type { FunctionName, Plan, PlanFunction } from '../../plan/plan.js';
import { storedValues } from '../../plan/probe.js';
import { defaultTarget } from '../../plan/target.js';
import { breathe, engine } from '../../platform/system.js';
import { checkAttributes } from '../attributes.js';
import type { Backend, CallOptions, Executable, Inputs, NonFinite, Scalars } from '../backend.js';
import { type Collectives, checkPeers } from '../collectives.js';
import { copiesOf } from '../copies.js';
import { ATTRIBUTES } from './attributes.js';
import { allocate, evaluateAmong, evaluateGraph } from './evaluate.js';
import type { Elements } from './kernel.js';

type StateElements = Float32Array | Int32Array;

/** Zeroed states of all functions by name, the names of those that are no copies, and their size in bytes. */
function allocateStates(plan: Plan): { states: Map<string, StateElements>; own: string[]; bytes: number } {
  const states = new Map<string, StateElements>();
  const own: string[] = [];
  let bytes = 0;
  for (const { graph } of plan.functions) {
    for (const node of graph.nodes) {
      if (!isState(node) || states.has(stringAttr(node.attrs, 'name'))) continue;
      states.set(stringAttr(node.attrs, 'name'), allocate(node.type) as StateElements);
      if (!isCopy(node)) own.push(stringAttr(node.attrs, 'name'));
      bytes += byteLength(node.type);
    }
  }
  return { states, own, bytes };
}

/** Runs a plan's graphs node by node, on the thread of the caller. */
class ReferenceExecutable implements Executable {
  readonly compileMs = 0;
  readonly memory: Executable['memory'];
  private readonly functions: ReadonlyMap<FunctionName, PlanFunction>;
  private readonly states: Map<string, StateElements>;
  private readonly own: readonly string[];
  private readonly copies: ReturnType<typeof copiesOf>;
  private scalars: Scalars[] = [];
  private tensors = new Map<string, Elements>();
  private traced: NonFinite | undefined;

  constructor(
    plan: Plan,
    private readonly peers: Collectives | undefined,
  ) {
    const { states, own, bytes } = allocateStates(plan);
    this.states = states;
    this.own = own;
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
      const state = this.state(name);
      if (elements.length !== state.length) throw new Error(`state ${name} has ${state.length} elements, not ${elements.length}`);
      state.set(elements);
      for (const copy of this.copies.get(name) ?? []) {
        const rounded = Float32Array.from(elements);
        roundArray(copy.dtype, rounded);
        this.state(copy.name).set(rounded);
      }
    }
  }

  async dispose(): Promise<void> {
    this.states.clear();
    this.tensors.clear();
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
