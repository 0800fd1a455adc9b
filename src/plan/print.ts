import { printNodeWith, printSignature, valueNames } from '../ir/print.js';
import { isInput } from '../ir/structure.js';
import type { Plan, PlanFunction } from './plan.js';
import { isDeclaration } from './storage.js';

/**
 * The text form of one function: declarations, then one block per kernel. `@n` is the value's offset in the arena; without it, the value
 * lives in registers.
 */
export function printFunction(fn: PlanFunction): string {
  const names = valueNames(fn.graph);
  const offsets = new Map(fn.memory.allocations.map((allocation) => [allocation.value, allocation.offset]));
  const lines = [`${printSignature(fn.graph, names)} batch=${fn.batch} arena=${fn.memory.arena} {`];
  for (const node of fn.graph.nodes) {
    if (isDeclaration(node) && !isInput(node)) lines.push(`  ${printNodeWith(node, names)}`);
  }
  for (const group of fn.groups) {
    lines.push(`  ${group.kind} ${group.name} {`);
    for (const id of group.nodes) lines.push(`    ${printNodeWith(fn.graph.nodes[id]!, names, offsets.get(id))}`);
    lines.push('  }');
  }
  lines.push('}');
  return lines.join('\n');
}

/** The plan as `ampc plan --dump` prints it; `parsePlan` reads it back to an equal plan. */
export function printPlan(plan: Plan): string {
  const header = `plan @${plan.model} policy=${plan.policy} precision=${plan.precision} backend=${plan.target.backend}`;
  return `${[header, ...plan.functions.map(printFunction)].join('\n\n')}\n`;
}
