import { userError } from '../diagnostics/diagnostic.js';
import type { WireType } from '../ir/ranks.js';
import { numberAttr } from '../ir/types.js';
import { roundArray } from '../numeric/encoding.js';
import { isExchange } from '../plan/exchanges.js';
import type { Plan } from '../plan/plan.js';

/**
 * The ranks that train together, as one of them sees them. Every rank calls the same functions in the same order. Between machines with
 * processors it is MPI (`mpi/`); what it takes for another network is this interface, and a backend's own way to what lies in its memory.
 */
export interface Collectives {
  readonly rank: number;
  readonly size: number;
  /** The sum over all ranks, as `all_reduce` declares it; the same bits on every rank. */
  sum(own: Float32Array, wire: WireType): Promise<Float32Array>;
  /** What each rank gave, in the order of the ranks. */
  gather(own: Uint8Array): Promise<readonly Uint8Array[]>;
  /** For generated code: the address of its table of functions (`prelude-exchange.ts`). */
  readonly native?: unknown;
}

/** What each rank says, in the order of the ranks. */
export async function gatherTexts(peers: Pick<Collectives, 'gather'>, own: string): Promise<readonly string[]> {
  const all = await peers.gather(new TextEncoder().encode(own));
  return all.map((bytes) => new TextDecoder().decode(bytes));
}

/** What `all_reduce` means: each part rounded to the format on the wire, added up in f32 in their order, and the sum rounded once more. */
export function addUp(parts: readonly Float32Array[], wire: WireType): Float32Array {
  const sum = new Float32Array(parts[0]?.length ?? 0);
  for (const part of parts) {
    const rounded = part.slice();
    roundArray(wire, rounded);
    for (let i = 0; i < sum.length; i += 1) sum[i]! += rounded[i]!;
  }
  roundArray(wire, sum);
  return sum;
}

/** Refuses a plan of more or fewer ranks than there are. Throws UserError AMP6502. */
export function checkPeers({ functions }: Plan, peers: Pick<Collectives, 'size'> | undefined): void {
  const exchange = functions.flatMap(({ graph }) => graph.nodes.filter(isExchange))[0];
  const ranks = exchange === undefined ? 1 : numberAttr(exchange.attrs, 'ranks');
  const present = peers?.size ?? 1;
  if (exchange === undefined || ranks === present) return;
  throw userError(
    'AMP6502',
    `the plan is of ${ranks} ranks, and here ${present === 1 ? 'is one' : `are ${present}`}`,
    'what ranks exchange has a size for each of them',
    `start it with \`mpirun -n ${ranks} ampc …\`, or plan it for ${present}`,
  );
}
