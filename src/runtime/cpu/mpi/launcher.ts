import { availableParallelism, env as environment } from '../../../platform/system.js';

export type MpiLibrary = 'Open MPI' | 'MPICH';

/** What the program that started this process says of its ranks. */
export interface Launched {
  /** How it is called. */
  readonly launcher: string;
  readonly rank: number;
  readonly size: number;
  /** Among the ranks of this machine, and how many these are, where it says so. */
  readonly localRank: number | undefined;
  readonly localSize: number | undefined;
  /** The library that it belongs to; undefined: either may be meant. */
  readonly library: MpiLibrary | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

interface Form {
  readonly launcher: string;
  readonly library: MpiLibrary | undefined;
  readonly rank: string;
  readonly size: string;
  readonly localRank: string;
  readonly localSize: string;
}

/** In the order in which they are looked for: srun starts ranks of both libraries, and then they say more than it does. */
const FORMS: readonly Form[] = [
  {
    launcher: 'mpirun of Open MPI',
    library: 'Open MPI',
    rank: 'OMPI_COMM_WORLD_RANK',
    size: 'OMPI_COMM_WORLD_SIZE',
    localRank: 'OMPI_COMM_WORLD_LOCAL_RANK',
    localSize: 'OMPI_COMM_WORLD_LOCAL_SIZE',
  },
  {
    launcher: 'mpirun of MPICH',
    library: 'MPICH',
    rank: 'PMI_RANK',
    size: 'PMI_SIZE',
    localRank: 'MPI_LOCALRANKID',
    localSize: 'MPI_LOCALNRANKS',
  },
  {
    launcher: 'srun',
    library: undefined,
    rank: 'SLURM_PROCID',
    size: 'SLURM_NTASKS',
    localRank: 'SLURM_LOCALID',
    localSize: 'SLURM_NTASKS_PER_NODE',
  },
];

function whole(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** The first of the numbers that Slurm has for steps which are none of srun's, such as a batch script or an interactive shell. */
const SPECIAL_STEPS = 0xfffffff0;

/** Whether srun started this: the script and the shell of an allocation have its size as well. */
function isTask({ SLURM_STEP_ID: step }: Environment): boolean {
  return (whole(step) ?? SPECIAL_STEPS) < SPECIAL_STEPS;
}

/**
 * Whether this process is one of several ranks, by what its launcher left in the environment; the MPI operator of Kubernetes starts ranks
 * by mpirun. srun also starts what is no rank: a single task is none.
 */
export function launched(env: Environment = environment): Launched | undefined {
  for (const { launcher, library, ...names } of FORMS) {
    const [rank, size] = [whole(env[names.rank]), whole(env[names.size])];
    if (rank === undefined || size === undefined) continue;
    if (launcher === 'srun' && !isTask(env)) continue;
    return { launcher, library, rank, size, localRank: whole(env[names.localRank]), localSize: whole(env[names.localSize]) };
  }
  return undefined;
}

/** Threads of each rank where nobody says how many: the cores of a machine are shared out among its ranks. */
export function threadsPerRank({ localSize, size }: Pick<Launched, 'localSize' | 'size'>, cores = availableParallelism()): number {
  return Math.max(1, Math.floor(cores / (localSize ?? size)));
}

/** Where a rank may run; no cores: its system does not say. */
export interface CoresOf {
  readonly host: string;
  readonly cores: readonly number[];
  /** Cores of its machine. */
  readonly present: number;
}

/** A list such as `0-3,8`. */
export function coresIn(text: string): readonly number[] {
  return text.split(',').flatMap((range) => {
    const [first, last = first] = range.trim().split('-').map(Number) as [number, number?];
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/**
 * Threads of a rank: its part of the cores on which any rank of its machine may run, and no more than it may run on itself; and how many
 * they would be without a launcher that binds ranks to cores of their own. Undefined where the system does not say.
 */
export function shareCores(
  { host, cores, present }: CoresOf,
  all: readonly CoresOf[],
): { readonly threads: number; readonly unbound: number } | undefined {
  const here = all.filter((other) => other.host === host);
  const together = new Set(here.flatMap((other) => other.cores)).size;
  if (cores.length === 0) return undefined;
  const threads = Math.max(1, Math.min(cores.length, Math.floor(together / here.length)));
  // What keeps all to the same cores, such as a container, is no launcher that gives each its own.
  const isBound = cores.length < together;
  return { threads, unbound: isBound ? Math.max(threads, Math.floor(present / here.length)) : threads };
}

/** Which of several ranks this process is; undefined: it is alone. */
export function rankAmongOthers(): Pick<Launched, 'rank' | 'size' | 'localRank'> | undefined {
  const found = launched();
  return found === undefined || found.size === 1 ? undefined : found;
}
