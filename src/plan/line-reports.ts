import { printNodeWith, readableAttrs, valueNames } from '../ir/print.js';
import { isInput } from '../ir/structure.js';
import { type Attr, byteLength, type DType, type Loc, type Shape, type TensorType, type ValueId } from '../ir/types.js';
import { type RuleId, whyText } from '../ir/why.js';
import { ruleOf } from '../precision/rules.js';
import { type Phase, phaseOf, placements, valueLabel } from './facts.js';
import type { FunctionName, PlanFunction } from './plan.js';

/** One line of the plan, taken apart. */
export interface LineReport {
  /** Of its value; no other of the function has it. */
  readonly id: ValueId;
  /** `%12` or `%conv1.weight`. */
  readonly name: string;
  readonly op: string;
  readonly layer: string;
  readonly phase: Phase;
  /** The values that it reads: the edges of the graph. */
  readonly inputs: readonly ValueId[];
  /** What these are, in words. */
  readonly operands: readonly string[];
  /** Those that are no finite numbers as the text form has them. */
  readonly attrs: Readonly<Record<string, Attr>>;
  /** The value whose gradient it is, or a part of it; null of what is none. */
  readonly gradientOf: ValueId | null;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly kernel: string | null;
  /** Where the value lies in the arena; null in registers, and of what is kept beside it. */
  readonly offset: number | null;
  /** Bytes that the value takes in the arena; 0 in registers. */
  readonly storedBytes: number;
  readonly rule: RuleId;
  readonly why: string;
  readonly place: Loc | null;
  readonly text: string;
}

/** What a function is given each time that it runs. */
export interface InputReport extends TensorType {
  readonly id: ValueId;
  /** `%image`. */
  readonly name: string;
}

export interface FunctionLines {
  readonly name: FunctionName;
  readonly inputs: readonly InputReport[];
  readonly lines: readonly LineReport[];
  /** Its results by name. */
  readonly outputs: Readonly<Record<string, ValueId>>;
}

/** The lines of a function in the order of the plan's text. */
export function lineReports(fn: PlanFunction): readonly LineReport[] {
  const { graph } = fn;
  const names = valueNames(graph);
  const places = placements(fn);
  const offsets = new Map<ValueId, number>(fn.memory.allocations.map(({ value, offset }) => [value, offset]));
  return graph.nodes
    .filter((node) => !isInput(node))
    .map((node): LineReport => {
      const place = places.get(node.id);
      return {
        id: node.id,
        name: names[node.id],
        op: node.op,
        layer: node.layer,
        phase: phaseOf(node),
        inputs: node.inputs,
        operands: node.inputs.map((id) => valueLabel(graph, id)),
        attrs: readableAttrs(node.attrs),
        gradientOf: node.gradOf ?? null,
        dtype: node.type.dtype,
        shape: node.type.shape,
        kernel: place?.group.name ?? null,
        offset: offsets.get(node.id) ?? null,
        storedBytes: offsets.has(node.id) ? byteLength(node.type) : 0,
        rule: ruleOf(node),
        why: whyText(node),
        place: node.loc ?? null,
        text: printNodeWith(node, names, offsets.get(node.id)),
      };
    });
}

/** The lines of a function with what it is given and what it gives. */
export function functionLines(fn: PlanFunction): FunctionLines {
  const { nodes, outputs } = fn.graph;
  const inputs = nodes.filter(isInput).map(({ id, attrs, type }) => ({ id, name: `%${String(attrs.name)}`, ...type }));
  return { name: fn.name, inputs, lines: lineReports(fn), outputs };
}
