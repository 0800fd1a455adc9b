import type { Evaluated } from '../ir/average.js';
import { AVERAGE_COUNT, averagedIn } from '../ir/graph-names.js';
import type { Plan } from '../plan/plan.js';
import type { Executable } from '../runtime/backend.js';
import { planStates, type StateValues } from './states.js';

interface OnDevice {
  readonly executable: Executable;
  readonly plan: Plan;
}

/** The states that have an average, each with its name. */
function averagePairs(plan: Plan): readonly (readonly [of: string, average: string])[] {
  return planStates(plan).flatMap(({ name, role }) => {
    const of = role === 'average' ? averagedIn(name) : undefined;
    return of === undefined ? [] : [[of, name] as const];
  });
}

/** Whether averages have been taken: until then there is nothing to evaluate but the weights themselves. */
export async function hasAverages({ executable, plan }: OnDevice): Promise<boolean> {
  if (averagePairs(plan).length === 0) return false;
  const [count] = (await executable.readStates([AVERAGE_COUNT])).values();
  return count![0]! > 0;
}

/** What `use` gives while the averages stand in the place of what they are averages of. Everything issued must have been drained. */
export async function onAverages<T>({ executable, plan }: OnDevice, use: () => Promise<T>): Promise<T> {
  const pairs = averagePairs(plan);
  const states = await executable.readStates(pairs.flat());
  await executable.writeStates(new Map(pairs.map(([of, average]) => [of, states.get(average)!])));
  try {
    return await use();
  } finally {
    await executable.writeStates(new Map(pairs.map(([of]) => [of, states.get(of)!])));
  }
}

/** States as they would be with the averages in the place of the weights; undefined where none have been taken. */
export function averagedStates(plan: Plan, states: StateValues): StateValues | undefined {
  const pairs = averagePairs(plan);
  if (pairs.length === 0 || states.get(AVERAGE_COUNT)![0] === 0) return undefined;
  return new Map([...states, ...pairs.map(([of, average]) => [of, states.get(average)!] as const)]);
}

/** The one of both that is not evaluated. */
export function otherThan(evaluated: Evaluated): Evaluated {
  return evaluated === 'raw' ? 'average' : 'raw';
}
