import { gatherTexts, type Inputs, type NonFinite } from '../../runtime/backend.js';
import { gatherLists, type Ranks } from '../ranks.js';
import type { StateValues } from '../states.js';

/** So many ranks are named; others are counted. */
const NAMED = 4;

/** A step that was run again, looking for the first value that is not finite, with the inputs of the call that stopped there. */
export interface TracedStep {
  readonly found: NonFinite | undefined;
  readonly inputs: Inputs;
  /** Of several ranks: those on which it is the first. */
  readonly at?: readonly number[] | undefined;
}

/** The first value of a call that is not finite on any rank, and on which ranks it is so. */
export interface FoundAmong {
  readonly found: NonFinite;
  readonly at: readonly number[];
}

/**
 * What each rank found in the same call, as all of them see it: what is not finite on one is so on all from the next exchange on, and so
 * the earliest value is the cause.
 */
export async function firstAmong(ranks: Ranks, own: NonFinite | undefined): Promise<Partial<FoundAmong>> {
  const all = await gatherLists(ranks, [own ?? null]);
  const first = all.reduce((least, one) => (least === null || (one !== null && one.node < least.node) ? one : least), null);
  if (first === null) return {};
  return { found: first, at: all.flatMap((one, rank) => (one?.node === first.node ? [rank] : [])) };
}

/** ` on rank 2`, ` on ranks 0 and 2`, ` on ranks 0, 1, 2, 3 and 12 others`; nothing where there is one. */
export function atText(at: readonly number[] = []): string {
  if (at.length <= 1) return at.map((rank) => ` on rank ${rank}`).join('');
  const [named, others] =
    at.length <= NAMED + 1 ? [at.slice(0, -1), String(at.at(-1))] : [at.slice(0, NAMED), `${at.length - NAMED} others`];
  return ` on ranks ${named.join(', ')} and ${others}`;
}

/** Whether all ranks say the same. */
export async function allSay(ranks: Ranks, text: string): Promise<boolean> {
  const all = await gatherTexts(ranks, text);
  return all.every((one) => one === text);
}

/** The states that a step (0-based) began with. */
export interface Kept {
  readonly step: number;
  readonly states: StateValues;
}

/** The copy that the first rank keeps, on all of them: states are equal on all ranks, so that one of them may copy them when it likes. */
export async function copyOfFirst(ranks: Ranks, { step, states }: Kept): Promise<Kept> {
  const isFirst = ranks.rank === 0;
  const names = [...states].map(([name, elements]) => [name, elements instanceof Int32Array] as const);
  const [told] = await gatherTexts(ranks, isFirst ? JSON.stringify({ step, names }) : '');
  const of = JSON.parse(told!) as { readonly step: number; readonly names: typeof names };
  const copy = new Map<string, Float32Array | Int32Array>();
  for (const [name, isInteger] of of.names) {
    const own = isFirst ? states.get(name)! : new Float32Array();
    const [bytes] = await ranks.gather(new Uint8Array(own.buffer, own.byteOffset, own.byteLength));
    const { buffer } = bytes!.slice();
    copy.set(name, isFirst ? own : isInteger ? new Int32Array(buffer) : new Float32Array(buffer));
  }
  return { step: of.step, states: copy };
}
