import { isCopy, isState } from '../ir/structure.js';
import { stringAttr } from '../ir/types.js';
import { isNarrow, type NarrowType } from '../numeric/formats.js';
import type { Plan } from '../plan/plan.js';

/** A state that the backend makes of another one. */
export interface Copy {
  readonly name: string;
  readonly dtype: NarrowType;
}

/** The states of a plan, in order of first appearance, without their copies: what a host reads and writes. */
export function ownStates({ functions }: Plan): readonly string[] {
  const states = functions.flatMap(({ graph }) => graph.nodes.filter((node) => isState(node) && !isCopy(node)));
  return [...new Set(states.map(({ attrs }) => stringAttr(attrs, 'name')))];
}

/** By state: the copies of it that a plan's functions read. Who writes the state writes them too, rounded to nearest, ties to even. */
export function copiesOf(plan: Plan): ReadonlyMap<string, readonly Copy[]> {
  const copies = new Map<string, Map<string, Copy>>();
  for (const node of plan.functions.flatMap(({ graph }) => graph.nodes)) {
    const { dtype } = node.type;
    if (!isCopy(node) || !isNarrow(dtype)) continue;
    const [name, of] = [stringAttr(node.attrs, 'name'), stringAttr(node.attrs, 'of')];
    copies.set(of, (copies.get(of) ?? new Map<string, Copy>()).set(name, { name, dtype }));
  }
  return new Map([...copies].map(([of, byName]) => [of, [...byName.values()]]));
}
