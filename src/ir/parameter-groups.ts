import { AVERAGE_SHARE } from './graph-names.js';
import type { ParameterKind } from './parameter-kinds.js';
import { matchesLayer } from './pattern.js';
import type { ParameterGroup } from './program.js';

/** The graph input that has the learning rate. */
export const RATE = 'lr';

/** Whether a line means a parameter, whatever other lines say. */
export function isMeant(
  { parameters, pattern }: Pick<ParameterGroup, 'parameters' | 'pattern'>,
  name: string,
  kind: ParameterKind | undefined,
): boolean {
  return (parameters === undefined || parameters === kind) && (pattern === undefined || matchesLayer(pattern, name));
}

/** The group of a parameter: of several lines that mean it the last one counts, by itself. Undefined: it is in none. */
export function groupOf(groups: readonly ParameterGroup[], name: string, kind: ParameterKind | undefined): ParameterGroup | undefined {
  return groups.findLast((group) => isMeant(group, name, kind));
}

/** The graph input with a group's learning rate: that of all, or its own, `lr.2` of the second line. */
export function rateInput(groups: readonly ParameterGroup[], group: ParameterGroup | undefined): string {
  return group?.ownRate === true ? `${RATE}.${groups.indexOf(group) + 1}` : RATE;
}

/** Whether a graph input is a number that each step is given: a learning rate, or how much enters the averages. */
export function isRate(input: string): boolean {
  return input === RATE || input.startsWith(`${RATE}.`) || input === AVERAGE_SHARE;
}

/** Why a parameter is updated as it is: begins the reason of its update. */
export function groupWhy({ of, line }: ParameterGroup): string {
  return `group ${of} (line ${line})`;
}

/** What `groupWhy` says in a reason, if it does. */
export function groupInWhy(text: string): Pick<ParameterGroup, 'of' | 'line'> | undefined {
  const found = /^group (.+?) \(line (\d+)\)/.exec(text);
  return found === null ? undefined : { of: found[1]!, line: Number(found[2]) };
}
