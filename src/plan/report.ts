import { LOSS_KINDS } from '../ir/program.js';
import { isCast, isState } from '../ir/structure.js';
import type { DType, Loc, Node, Shape } from '../ir/types.js';
import { byteLength, isFloat } from '../ir/types.js';
import { type RuleId, whyText } from '../ir/why.js';
import { opDefinition } from '../ops/index.js';
import { ruleOf } from '../precision/rules.js';
import { type ExchangeReport, exchangeReports } from './exchanges.js';
import { castFacts, type Phase, phaseOf, type ScalingFact, scalingFact, trainStep } from './facts.js';
import { type Footprint, footprint, storedClasses } from './footprint.js';
import { type LayerEdge, layerEdges } from './layer-edges.js';
import { type FunctionLines, functionLines } from './line-reports.js';
import type { FunctionName, Plan, PlanFunction } from './plan.js';
import { isDeclaration } from './storage.js';
import type { PlanTimes } from './times.js';
import { type UpdateReport, updateReports } from './updates.js';

/** One layer of the training step. */
export interface LayerReport {
  readonly layer: string;
  /** The op that the layer is named for. */
  readonly op: string;
  readonly place: Loc | null;
  /** Float formats of the op's operands. */
  readonly reads: readonly DType[];
  readonly result: DType;
  readonly shape: Shape;
  /** Format of the gradient that goes on to the layer before; null where none does. */
  readonly gradient: DType | null;
  /** Formats of the gradients of the layer's parameters, each once. */
  readonly parameterGradients: readonly DType[];
  readonly rule: RuleId;
  readonly why: string;
  readonly casts: number;
  readonly castBytes: number;
  /** Bytes that the layer keeps for the backward pass. */
  readonly savedBytes: number;
  readonly flops: number;
  /** Predicted milliseconds of its kernels in a training step; null where these were not measured. */
  readonly ms: number | null;
}

export interface CastReport {
  readonly function: FunctionName;
  /** What is cast: `conv1.weight`, `linear of fc2`, `gradient of fc1.weight`. */
  readonly value: string;
  readonly from: DType;
  readonly to: DType;
  readonly shape: Shape;
  readonly phase: Phase;
  readonly kernel: string;
  readonly bytesMoved: number;
  readonly rule: RuleId;
  readonly why: string;
  readonly layer: string;
  readonly place: Loc | null;
  /** Predicted milliseconds, of those of its layer; null where they were not measured, and outside of the training step. */
  readonly ms: number | null;
}

/** What a plan decided, where and why. */
export interface PlanFacts {
  readonly scaling: ScalingFact;
  readonly layers: readonly LayerReport[];
  /** How values go from layer to layer in the forward pass, and where they are cast on their way. */
  readonly edges: readonly LayerEdge[];
  readonly casts: readonly CastReport[];
  /** What ranks exchange, bucket by bucket; empty where there is one rank. */
  readonly exchanges: readonly ExchangeReport[];
  /** How parameters are updated: one for each way. */
  readonly updates: readonly UpdateReport[];
  readonly memory: Footprint;
  readonly plan: readonly FunctionLines[];
}

const isLoss = ({ op }: Node): boolean => (LOSS_KINDS as readonly string[]).includes(op);

/** The op that stands for a layer: its contraction, or its loss, else the last one that a policy decides. */
function mainNode(nodes: readonly Node[]): Node | undefined {
  const forward = nodes.filter((node) => phaseOf(node) === 'forward' && !isDeclaration(node) && !isCast(node));
  return (
    forward.find(({ op }) => opDefinition(op).precision === 'low') ??
    forward.find(isLoss) ??
    forward.findLast(({ op }) => opDefinition(op).precision !== 'fixed')
  );
}

/** Floating-point operations of a contraction; nothing else counts as work. */
function flopsOf({ graph }: PlanFunction, node: Node): number {
  if (opDefinition(node.op).kind !== 'contraction') return 0;
  const types = node.inputs.map((id) => graph.nodes[id]!.type);
  return opDefinition(node.op).flops?.(types, node.attrs, node.type) ?? 0;
}

/** Float formats of a node's operands, in order. */
export function readFormats({ graph }: PlanFunction, node: Node): readonly DType[] {
  return node.inputs.map((id) => graph.nodes[id]!.type.dtype).filter(isFloat);
}

/** Layers in the order in which they run. */
export function layerNames(fn: PlanFunction): readonly string[] {
  const order = fn.graph.nodes.filter((node) => !isDeclaration(node)).map((node) => node.layer);
  return [...new Set(order)].filter((layer) => layer !== '');
}

function byLayer<T>(items: readonly T[], layerOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(layerOf(item));
    if (group === undefined) groups.set(layerOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

export function layerReports(fn: PlanFunction, times?: PlanTimes): readonly LayerReport[] {
  const { graph } = fn;
  const classes = storedClasses(fn);
  const nodesOf = byLayer(graph.nodes, (node) => node.layer);
  const castsOf = byLayer(castFacts(fn), ({ node }) => node.layer);
  return layerNames(fn).flatMap((layer): LayerReport[] => {
    const nodes = nodesOf.get(layer)!;
    const main = mainNode(nodes);
    if (main === undefined) return [];
    const backward = nodes.filter((node) => phaseOf(node) === 'backward' && !isCast(node));
    const ofParameter = (node: Node) => isState(graph.nodes[node.gradOf!]!);
    const own = castsOf.get(layer) ?? [];
    const saved = nodes.filter((node) => classes.get(node.id) === 'activations');
    return [
      {
        layer,
        op: main.op,
        place: main.loc ?? null,
        reads: readFormats(fn, main),
        result: main.type.dtype,
        shape: main.type.shape,
        gradient: backward.findLast((node) => !ofParameter(node))?.type.dtype ?? null,
        parameterGradients: [...new Set(backward.filter(ofParameter).map((node) => node.type.dtype))],
        rule: ruleOf(main),
        why: whyText(main),
        casts: own.length,
        castBytes: own.reduce((sum, cast) => sum + cast.bytesMoved, 0),
        savedBytes: saved.reduce((sum, node) => sum + byteLength(node.type), 0),
        flops: nodes.reduce((sum, node) => sum + flopsOf(fn, node), 0),
        ms: times === undefined ? null : (times.layers.get(layer) ?? 0),
      },
    ];
  });
}

/** The casts of all functions. */
export function castReports(plan: Plan, times?: PlanTimes): readonly CastReport[] {
  return plan.functions.flatMap((fn) =>
    castFacts(fn).map(({ node, value, phase, kernel, bytesMoved }, index): CastReport => {
      return {
        function: fn.name,
        value,
        from: fn.graph.nodes[node.inputs[0]!]!.type.dtype,
        to: node.type.dtype,
        shape: node.type.shape,
        phase,
        kernel,
        bytesMoved,
        rule: ruleOf(node),
        why: whyText(node),
        layer: node.layer,
        place: node.loc ?? null,
        ms: fn.name === 'train_step' ? (times?.casts[index] ?? null) : null,
      };
    }),
  );
}

/** Takes a plan apart: by layer, by cast, by class of memory, by line; with times where its kernels were measured. */
export function reportPlan(plan: Plan, times?: PlanTimes): PlanFacts {
  return {
    scaling: scalingFact(plan),
    layers: layerReports(trainStep(plan), times),
    edges: layerEdges(trainStep(plan)),
    casts: castReports(plan, times),
    exchanges: exchangeReports(plan),
    updates: updateReports(plan),
    memory: footprint(plan),
    plan: plan.functions.map(functionLines),
  };
}
