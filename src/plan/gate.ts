import { userError } from '../diagnostics/diagnostic.js';
import { closest } from '../diagnostics/suggest.js';
import { formatBytes, parseBytes } from '../numeric/bytes.js';
import { isSamePlan, type PlanDiff } from './diff.js';

export const GATE_NAMES = ['any', 'dtype', 'casts', 'scaling', 'memory', 'ops'] as const;
export type GateName = (typeof GATE_NAMES)[number];

/** A condition on a difference. `memory` and `casts` may grow by a limit; every other gate fails on any change of its kind. */
export interface Gate {
  readonly name: GateName;
  readonly text: string;
  /** How much more is allowed: a share of what it was, or bytes, or a count. */
  readonly limit: { readonly kind: 'share' | 'amount'; readonly value: number } | undefined;
}

function parseLimit(name: GateName, text: string, part: string): Gate['limit'] {
  const fail = (why: string) => userError('AMP6302', `\`${part}\` is no gate`, why, 'such as dtype,casts:+2,memory:+5%');
  if (name !== 'memory' && name !== 'casts') throw fail(`only casts and memory have a limit, ${name} fails on every change`);
  const match = /^\+(.+)$/.exec(text);
  if (match === null) throw fail('a limit says how much more is allowed: +5%, +2, +10MB');
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(match[1]);
  if (percent !== null) return { kind: 'share', value: Number(percent[1]) / 100 };
  const amount = name === 'memory' ? parseBytes(match[1]) : /^\d+$/.test(match[1]) ? Number(match[1]) : undefined;
  if (amount === undefined) throw fail(name === 'memory' ? 'memory grows by a share or by bytes' : 'casts grow by a share or a count');
  return { kind: 'amount', value: amount };
}

/** Reads `dtype,casts,memory:+5%`. Throws UserError AMP6302. */
export function parseGates(text: string): readonly Gate[] {
  return text.split(',').map((part): Gate => {
    const [word, limit] = part.trim().split(':', 2);
    const name = GATE_NAMES.find((known) => known === word);
    if (name === undefined) {
      const near = closest(word, GATE_NAMES);
      throw userError('AMP6302', `unknown gate \`${word}\``, `the gates are ${GATE_NAMES.join(', ')}`, near && `did you mean ${near}?`);
    }
    return { name, text: part.trim(), limit: limit === undefined ? undefined : parseLimit(name, limit, part.trim()) };
  });
}

function exceeds(before: number, after: number, limit: Gate['limit']): boolean {
  if (limit === undefined) return after > before;
  return after - before > (limit.kind === 'share' ? before * limit.value : limit.value);
}

/** Why a gate fails; undefined when it holds. `castsBefore` is the number of casts of the first plan. */
function failure(gate: Gate, diff: PlanDiff, castsBefore: number): string | undefined {
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;
  switch (gate.name) {
    case 'any':
      return isSamePlan(diff) ? undefined : 'the plans differ';
    case 'dtype':
      return diff.formats.length === 0 ? undefined : `${count(diff.formats.length, 'op')} changed format`;
    case 'casts': {
      const [added, removed] = [diff.castsAdded.length, diff.castsRemoved.length];
      const after = castsBefore + added - removed;
      const fails = gate.limit === undefined ? added + removed > 0 : exceeds(castsBefore, after, gate.limit);
      return fails ? `${count(added, 'cast')} added and ${removed} removed, now ${after}` : undefined;
    }
    case 'scaling':
      return diff.scaling.length === 0 ? undefined : `loss scaling changed: ${diff.scaling.map(({ name }) => name).join(', ')}`;
    case 'ops':
      return diff.ops.length === 0 ? undefined : `${count(diff.ops.length, 'op')} added, removed or changed`;
    case 'memory': {
      const total = diff.memory.find(({ name }) => name === 'total');
      if (total === undefined || !exceeds(total.before, total.after, gate.limit)) return undefined;
      return `memory grew from ${formatBytes(total.before)} to ${formatBytes(total.after)}`;
    }
  }
}

/** One message for each gate that fails. */
export function failedGates(gates: readonly Gate[], diff: PlanDiff, castsBefore: number): readonly string[] {
  return gates.flatMap((gate) => {
    const reason = failure(gate, diff, castsBefore);
    return reason === undefined ? [] : [`--fail-on ${gate.text}: ${reason}`];
  });
}
