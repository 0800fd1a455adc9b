import { isCast } from '../ir/structure.js';
import type { DType, Graph, Node, PrecisionName } from '../ir/types.js';
import { isFloat, precisionName } from '../ir/types.js';
import { isOfKind, opDefinition } from '../ops/index.js';
import type { FunctionName, Plan, PlanFunction } from '../plan/plan.js';
import { isDeclaration } from '../plan/storage.js';
import { parameterCount, stateBytes } from '../training/states.js';

/** Convolutions, matrix products and their gradients: what a policy puts in the compute format and what counts as work. */
export interface ContractionSummary {
  readonly layer: string;
  readonly op: string;
  readonly operands: readonly DType[];
  readonly result: DType;
  readonly shape: readonly number[];
  readonly flops: number;
}

export interface FunctionSummary {
  readonly name: FunctionName;
  readonly batch: number;
  /** Instructions, without inputs, states and constants. */
  readonly ops: number;
  /** Kernels after fusion. */
  readonly kernels: number;
  readonly casts: number;
  readonly arenaBytes: number;
  /** Floating-point operations of the contractions. */
  readonly flops: number;
  /** In execution order. */
  readonly contractions: readonly ContractionSummary[];
}

export interface PlanSummary {
  readonly model: string;
  readonly policy: string;
  readonly precision: PrecisionName;
  readonly backend: string;
  /** Trainable numbers. */
  readonly parameters: number;
  /** Bytes of every state: masters, statistics, optimizer, loss scale. */
  readonly stateBytes: number;
  readonly functions: readonly FunctionSummary[];
}

function contraction(graph: Graph, node: Node): ContractionSummary {
  const op = opDefinition(node.op);
  const types = node.inputs.map((id) => graph.nodes[id]!.type);
  return {
    layer: node.layer,
    op: node.op,
    operands: types.map((type) => type.dtype).filter(isFloat),
    result: node.type.dtype,
    shape: node.type.shape,
    flops: op.flops?.(types, node.attrs, node.type) ?? 0,
  };
}

function summarizeFunction(fn: PlanFunction): FunctionSummary {
  const nodes = fn.groups.flatMap((group) => group.nodes.map((id) => fn.graph.nodes[id]!));
  const contractions = nodes.filter(({ op }) => isOfKind(op, 'contraction')).map((node) => contraction(fn.graph, node));
  return {
    name: fn.name,
    batch: fn.batch,
    ops: fn.graph.nodes.filter((node) => !isDeclaration(node)).length,
    kernels: fn.groups.length,
    casts: fn.graph.nodes.filter(isCast).length,
    arenaBytes: fn.memory.arena,
    flops: contractions.reduce((sum, { flops }) => sum + flops, 0),
    contractions,
  };
}

/** The plan's facts in numbers: sizes, formats of the contractions, casts, kernels, memory, work. */
export function summarizePlan(plan: Plan): PlanSummary {
  return {
    model: plan.model,
    policy: plan.policy,
    precision: precisionName(plan.precision),
    backend: plan.target.backend,
    parameters: parameterCount(plan),
    stateBytes: stateBytes(plan),
    functions: plan.functions.map(summarizeFunction),
  };
}
