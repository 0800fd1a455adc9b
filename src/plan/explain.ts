import { userError } from '../diagnostics/diagnostic.js';
import { suggestion } from '../diagnostics/suggest.js';
import { matchesLayer } from '../ir/pattern.js';
import { printComputation, printNodeWith, valueNames } from '../ir/print.js';
import { isCast, isState } from '../ir/structure.js';
import { BYTES, byteLength, formatType, isFloat, type Loc, type Node, precisionName } from '../ir/types.js';
import { formatWhy, type RuleId } from '../ir/why.js';
import { formatBytes } from '../numeric/bytes.js';
import { isView, opDefinition } from '../ops/index.js';
import { RULES, ruleOf } from '../precision/rules.js';
import { castFacts, type Phase, phaseOf, placements, readersOf, trainStep, valueLabel } from './facts.js';
import type { Plan, PlanFunction } from './plan.js';
import { layerNames } from './report.js';
import { storageRoot } from './storage.js';

/** One plan line of a layer, and what it means. */
export interface ExplainedLine {
  readonly phase: Phase;
  readonly text: string;
  /** The line without its notes. */
  readonly computation: string;
  readonly says: string;
}

/** A layer's story through one training step. */
export interface Explanation {
  readonly layer: string;
  readonly place: Loc | null;
  readonly lines: readonly ExplainedLine[];
  /** The rules at work, in words. */
  readonly rules: readonly { readonly id: RuleId; readonly title: string; readonly meaning: string }[];
}

function list(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

/** Where the result goes: memory or registers, and who reads it after the forward pass. */
class Destinations {
  private readonly places;
  private readonly readers;

  constructor(private readonly fn: PlanFunction) {
    this.places = placements(fn);
    this.readers = readersOf(fn.graph);
  }

  describe(node: Node): string {
    const place = this.places.get(node.id);
    if (place === undefined) return '';
    if (opDefinition(node.op).effect === true) return `; written by kernel ${place.group.name}`;
    if (isView(node)) return '; another view of the same memory';
    if (!place.stored) return `; stays in the registers of kernel ${place.group.name}`;
    const saved = this.savedFor(node);
    const kept = saved.length > 0 ? `, kept for ${list(saved)}` : '';
    return `; kernel ${place.group.name} stores ${formatBytes(byteLength(node.type))}${kept}`;
  }

  private savedFor(node: Node): string[] {
    if (phaseOf(node) !== 'forward') return [];
    const { graph } = this.fn;
    const views = graph.nodes.filter((other) => storageRoot(graph, other.id) === node.id);
    const readers = views.flatMap((view) => this.readers.get(view.id) ?? []).filter((reader) => phaseOf(reader) === 'backward');
    return [...new Set(readers.map((reader) => `${reader.op} of ${reader.layer === '' ? 'the step' : reader.layer}`))];
  }
}

function operands({ graph }: PlanFunction, node: Node): string {
  const names = node.inputs.map((id) => `${valueLabel(graph, id)} (${graph.nodes[id]!.type.dtype})`);
  return names.length > 4 ? list([...names.slice(0, 3), `${names.length - 3} more`]) : list(names);
}

const ROLES: Readonly<Record<string, string>> = {
  parameter: 'the parameter itself: the f32 master that the optimizer updates',
  statistic: 'a running statistic, kept in f32',
  average: 'the average of a parameter or running statistic over the steps, in f32',
  optimizer: "the optimizer's memory, kept in f32",
  gradient: 'the sum of gradients over micro-batches, in f32',
  copy: 'the frozen weight in this format, rounded once, when the weight is written',
  pending: 'what the earlier micro-batches of a step move a running statistic by, in f32',
};

function sentence(fn: PlanFunction, node: Node, destinations: Destinations): string {
  const { graph } = fn;
  if (isState(node)) return `${ROLES[String(node.attrs.role)] ?? 'a state'}, ${formatBytes(byteLength(node.type))}`;
  if (isCast(node)) {
    const from = graph.nodes[node.inputs[0]!]!.type;
    const loses = BYTES[node.type.dtype] < BYTES[from.dtype] ? 'rounds' : 'widens';
    const moved = castFacts(fn).find((cast) => cast.node.id === node.id)!.bytesMoved;
    const cost = moved === 0 ? 'in registers: no memory is touched' : `moves ${formatBytes(moved)}`;
    return `${loses} ${valueLabel(graph, node.inputs[0]!)} from ${from.dtype} to ${node.type.dtype}; ${cost}`;
  }
  const gradient = node.gradOf === undefined ? '' : `, the gradient of ${valueLabel(graph, node.gradOf)}`;
  const isContraction = opDefinition(node.op).kind === 'contraction';
  const computes = isContraction && node.type.dtype !== 'f32' ? ', adds up in f32 and rounds once' : '';
  return `reads ${operands(fn, node)}${computes}; gives ${formatType(node.type)}${gradient}${destinations.describe(node)}`;
}

/** Layers of the training step that a name or pattern means. Throws UserError AMP4301 when there are none. */
function matchLayers(fn: PlanFunction, pattern: string): readonly string[] {
  const layers = layerNames(fn);
  const found = layers.filter((layer) => matchesLayer(pattern, layer));
  if (found.length > 0) return found;
  throw userError(
    'AMP4301',
    `the plan has no layer \`${pattern}\``,
    'a layer is named by `as`, or by its kind and number, within the path of its block',
    suggestion(pattern, layers, 'layers'),
  );
}

/** Tells what happens in each layer that `pattern` names (a layer, a block, or a glob): every plan line in words. */
export function explainLayers(plan: Plan, pattern: string): readonly Explanation[] {
  const fn = trainStep(plan);
  const names = valueNames(fn.graph);
  const offsets = new Map(fn.memory.allocations.map(({ value, offset }) => [value, offset]));
  const destinations = new Destinations(fn);
  return matchLayers(fn, pattern).map((layer): Explanation => {
    // What prepares the update of its parameters has no layer: a pin of that is about how it computes.
    const updated = ({ updateOf }: Node) => (updateOf === undefined ? undefined : fn.graph.nodes[updateOf]!.layer);
    const nodes = fn.graph.nodes.filter((node) => node.layer === layer || updated(node) === layer);
    const lines = nodes.map((node): ExplainedLine => {
      const because = node.why === undefined ? '' : ` (${formatWhy(node.why)})`;
      return {
        phase: phaseOf(node),
        text: printNodeWith(node, names, offsets.get(node.id)),
        computation: printComputation(node, names, offsets.get(node.id)),
        says: `${sentence(fn, node, destinations)}${because}`,
      };
    });
    const ids = [...new Set(nodes.filter((node) => isFloat(node.type.dtype)).map(ruleOf))];
    return {
      layer,
      place: nodes.find((node) => node.loc !== undefined)?.loc ?? null,
      lines,
      rules: ids.map((id) => ({ id, ...RULES[id] })),
    };
  });
}

/** One sentence about what the plan computes in. */
export function describePolicy({ policy, precision }: Plan): string {
  return `${precisionName(precision)}, policy ${policy}`;
}
