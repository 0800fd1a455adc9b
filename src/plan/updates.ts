import { groupInWhy } from '../ir/parameter-groups.js';
import { isInput, isState } from '../ir/structure.js';
import { type Attrs, elementCount, type Node } from '../ir/types.js';
import { writesOf } from '../ir/validate.js';
import { whyText } from '../ir/why.js';
import { trainStep } from './facts.js';
import type { Plan } from './plan.js';

/** Parameters that are updated in one way. */
export interface UpdateReport {
  /** The optimizer. */
  readonly op: string;
  /** What the line of their group is about; null: they are in none. */
  readonly group: string | null;
  /** Where that line is in the file. */
  readonly line: number | null;
  /** The input that has their learning rate. */
  readonly rate: string;
  /** The optimizer's other numbers. */
  readonly numbers: Readonly<Record<string, number | boolean | string>>;
  readonly parameters: readonly string[];
  readonly elements: number;
}

const NO_NUMBERS: readonly string[] = ['guarded', 'writes'];

function numbersOf(attrs: Attrs): UpdateReport['numbers'] {
  const scalars = Object.entries(attrs).filter(([name, value]) => !NO_NUMBERS.includes(name) && !Array.isArray(value));
  return Object.fromEntries(scalars) as UpdateReport['numbers'];
}

/** How the optimizer updates every parameter: those of one group together, in the order in which they first appear. */
export function updateReports(plan: Plan): readonly UpdateReport[] {
  const { nodes } = trainStep(plan).graph;
  const isParameter = (node: Node): boolean => isState(node) && node.attrs.role === 'parameter';
  const reports = new Map<string, UpdateReport>();
  for (const node of nodes) {
    const [written] = writesOf(node);
    const parameter = node.inputs.map((id) => nodes[id]!).find((input) => isParameter(input) && input.attrs.name === written);
    const rate = node.inputs.map((id) => nodes[id]!).find(isInput);
    if (written === undefined || parameter === undefined || rate === undefined) continue;
    const { of = null, line = null } = groupInWhy(whyText(node)) ?? {};
    const way = { op: node.op, group: of, line, rate: String(rate.attrs.name), numbers: numbersOf(node.attrs) };
    const key = JSON.stringify(way);
    const before = reports.get(key);
    reports.set(key, {
      ...way,
      parameters: [...(before?.parameters ?? []), written],
      elements: (before?.elements ?? 0) + elementCount(node.type.shape),
    });
  }
  return [...reports.values()];
}
