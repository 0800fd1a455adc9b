import { keepNetwork } from '../costs/network.js';
import { userError } from '../diagnostics/diagnostic.js';
import type { MeasuredNetwork } from '../plan/network.js';
import { hostname } from '../platform/system.js';
import { gatherTexts } from '../runtime/collectives.js';
import { joinRanks } from '../runtime/cpu/mpi/mpi.js';

/** A message that is nothing but its way, and bytes that all further ones of a round have together. */
const SMALL = 8;
const LARGE = 4 << 20;

export interface NetworkMeasurement extends MeasuredNetwork {
  /** Where `ampc plan --ranks N` finds it; null where it could not be kept, and on ranks that do not keep it. */
  readonly kept: string | null;
}

/**
 * Measures what carries exchanges between the ranks that all call it, by rounds as exchanges have them, with the ways of waiting that they
 * have: `latency` by one small message for each rank, `perMessage` by small ones for all others, `bandwidth` by large ones. Each is the
 * median over turns on the rank where that is longest. The first rank keeps it, for plans of several ranks on this machine. Throws
 * UserError AMP6511 where there is one rank, and as `joinRanks`.
 */
export async function measureNetwork(onNotice?: (text: string) => void): Promise<NetworkMeasurement> {
  const ranks = await joinRanks(onNotice);
  if (ranks === undefined)
    throw userError(
      'AMP6511',
      'a network is measured between several ranks, and here is one',
      'what is measured are messages from each to the others',
      'start it on the machines that are to train: mpirun -n 4 ampc tune --network; for a network that is known, ' +
        'ampc plan FILE --ranks N --network 10Gbps,50us',
    );
  const others = ranks.size - 1;
  const seconds = async (bytes: number, to: number, rounds: number, turns: number): Promise<number> => {
    const own = await ranks.measure(bytes, to, rounds, turns);
    return Math.max(...(await gatherTexts(ranks, String(own))).map(Number));
  };
  const latency = await seconds(SMALL, 1, 50, 15);
  const small = others === 1 ? latency : await seconds(SMALL, others, 20, 15);
  const bytes = Math.max(64 << 10, Math.floor(LARGE / others));
  const large = await seconds(bytes, others, 4, 15);
  const machines = new Set(await gatherTexts(ranks, hostname())).size;
  const network: MeasuredNetwork = {
    // Messages that take no longer than small ones have no bandwidth that could be seen.
    bandwidth: (others * bytes) / (large > small ? large - small : large),
    latency,
    perMessage: others === 1 ? latency : Math.max(0, (small - latency) / (others - 1)),
    measured: { ranks: ranks.size, machines, library: ranks.library, at: new Date().toISOString() },
  };
  return { ...network, kept: ranks.rank === 0 ? ((await keepNetwork(network, onNotice)) ?? null) : null };
}
