import { realpathSync } from 'node:fs';
import { promisify } from 'node:util';
import { targetFor } from '../../../codegen/c/target.js';
import { userError } from '../../../diagnostics/diagnostic.js';
import type { WireType } from '../../../ir/ranks.js';
import type { Collectives } from '../../collectives.js';
import { findProgram, runProgram } from '../../program.js';
import { buildLibrary } from '../cache.js';
import type { Compiler } from '../compiler.js';
import { loadLibrary } from '../library-file.js';
import { reserveStack } from '../native.js';
import { ownCores } from './cores.js';
import { type CoresOf, type Launched, launched, type MpiLibrary } from './launcher.js';
import { SHIM, SHIM_FUNCTIONS } from './shim.js';

const INSTALL: Readonly<Record<MpiLibrary, string>> = {
  'Open MPI': 'apt-get install openmpi-bin libopenmpi-dev',
  MPICH: 'apt-get install mpich libmpich-dev',
};

/** Compilers of the library; Debian has both side by side under these names. */
const COMPILERS: Readonly<Record<MpiLibrary, readonly string[]>> = {
  'Open MPI': ['mpicc.openmpi', 'mpicc'],
  MPICH: ['mpicc.mpich', 'mpicc'],
};

/** Ranks that are waited for longer than so many seconds end the run; AMPC_RANK_TIMEOUT says another number, 0 waits for ever. */
const PATIENCE_SECONDS = 1800;

function patience(): number {
  const given = process.env.AMPC_RANK_TIMEOUT;
  if (given === undefined || given === '') return PATIENCE_SECONDS;
  const seconds = Number(given);
  if (Number.isFinite(seconds) && seconds >= 0) return seconds;
  throw userError(
    'AMP6503',
    `AMPC_RANK_TIMEOUT is ${given}`,
    'it is the seconds that ranks wait for each other; 0: for ever',
    'correct or unset it',
  );
}

async function findMpicc({ library, launcher }: Launched): Promise<Compiler> {
  const named = process.env.AMPC_MPICC;
  const names = named ? [named] : library === undefined ? ['mpicc'] : COMPILERS[library];
  for (const name of names) {
    const program = findProgram(name);
    if (program === undefined) continue;
    // A link to another library's compiler is another compiler.
    const shown = await runProgram([program], ['-show'], { timeoutMs: 60_000 });
    if (shown.ok)
      return { command: [program], version: `${realpathSync(program)} ${shown.stdout.trim()}`, origin: named ? 'AMPC_MPICC' : 'PATH' };
  }
  throw userError(
    'AMP6504',
    `this process is a rank of ${launcher}, and there is no MPI to compile with`,
    `looked for ${names.join(', ')} on the PATH: what carries exchanges is a few lines of C, compiled once against the MPI that is there`,
    library === undefined ? `Debian: ${INSTALL['Open MPI']}, or ${INSTALL.MPICH}` : `Debian: ${INSTALL[library]}`,
  );
}

const WIRES: Readonly<Record<WireType, number>> = { f32: 0, bf16: 1, f16: 2 };

/** The ranks of an MPI job, as this one sees them. */
export interface MpiRanks extends Collectives {
  readonly native: unknown;
  readonly launched: Launched;
  readonly cores: Omit<CoresOf, 'host'>;
  /** Name and version of the library. */
  readonly library: string;
  /** Seconds of a round of messages, in which each rank has one for so many others (`shim-measuring.ts`); all ask for the same. */
  measure(bytes: number, others: number, rounds: number, turns: number): Promise<number>;
  /** Seconds so far in which buckets travelled, and for which this rank's kernels waited until they had. */
  times(): { readonly travelled: number; readonly waited: number };
  /** Ends all ranks with this exit code; the first one prints the text, unless it is itself the one that says so. Does not return. */
  fail(code: number, text: string): void;
  /** Waits for the others, and leaves MPI: nothing can be exchanged any more. */
  end(): void;
}

async function open(found: Launched, onNotice?: (text: string) => void): Promise<MpiRanks> {
  const seconds = patience();
  // UCX, on which MPICH of Debian stands, else watches mmap and brk by code that it writes into them under V8's threads: one rank in
  // some dozens then ended in a segmentation fault. What that is for, a cache of registered memory, the messages here do not need. It is
  // read as the library is loaded, which building it does.
  process.env.UCX_MEM_MMAP_HOOK_MODE ??= 'none';
  const compiler = await findMpicc(found);
  const { path } = await buildLibrary(SHIM, compiler, targetFor('plain', 'other'), [], { functions: SHIM_FUNCTIONS, onNotice });
  reserveStack();
  const library = loadLibrary(path);
  const start = library.func('int ampc_mpi_start(double seconds, void *numbers, void *version)');
  const [numbers, version] = [Int32Array.of(found.rank, found.size), Buffer.alloc(256)];
  const state = start(seconds, numbers, version) as number;
  if (state !== 0)
    throw userError(
      'AMP6505',
      'this MPI cannot be used by several threads at once',
      `it offers level ${state - 1} of 3: exchanges go on while the next kernels run`,
      'install an MPI that was built with MPI_THREAD_MULTIPLE, as those of Debian are',
    );
  const [rank, size] = numbers as unknown as readonly [number, number];
  const name = version
    .toString('latin1')
    .split(/[\0\n]/)[0]!
    .replace(/,? package.*/, '')
    .replace(/\s*Version:\s*/, ' ')
    .trim();
  if (size !== found.size || rank !== found.rank)
    throw userError(
      'AMP6506',
      `${found.launcher} started ${found.size} ranks, and MPI knows of ${size}`,
      `the library is ${name}, which belongs to another launcher`,
      "start it with the mpirun of that library, or name the compiler of the launcher's own in AMPC_MPICC",
    );
  const gatherAsync = promisify(library.func('void ampc_mpi_gather(const void *own, const void *lengths, void *all)').async) as (
    own: Uint8Array,
    lengths: BigInt64Array,
    all: Uint8Array,
  ) => Promise<void>;
  const sumAsync = promisify(library.func('void ampc_mpi_sum(const void *own, void *sum, int64_t count, int32_t wire)').async) as (
    own: Float32Array,
    sum: Float32Array,
    count: number,
    wire: number,
  ) => Promise<void>;
  const measureAsync = promisify(
    library.func('double ampc_mpi_measure(int64_t bytes, int32_t others, int32_t rounds, int32_t turns)').async,
  ) as MpiRanks['measure'];
  const timesInto = library.func('void ampc_mpi_times(void *seconds)');
  const fail = library.func('void ampc_mpi_fail(int code, const char *text)');
  const end = library.func('void ampc_mpi_end(void)');
  const gatherOf = async (own: Uint8Array, lengths: readonly number[]): Promise<readonly Uint8Array[]> => {
    const all = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0) || 1);
    await gatherAsync(own.length === 0 ? new Uint8Array(1) : own, BigInt64Array.from(lengths, BigInt), all);
    let at = 0;
    return lengths.map((length) => {
      at += length;
      return all.subarray(at - length, at);
    });
  };
  return {
    rank,
    size,
    launched: found,
    cores: ownCores(),
    library: name,
    native: library.func('const void *ampc_mpi_functions(void)')() as unknown,
    gather: async (own) => {
      const eight = Array.from({ length: size }, () => 8);
      const sizes = await gatherOf(new Uint8Array(Float64Array.of(own.length).buffer), eight);
      return gatherOf(
        own,
        sizes.map((bytes) => new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true)),
      );
    },
    sum: async (own, wire) => {
      const sum = new Float32Array(own.length);
      await sumAsync(own, sum, own.length, WIRES[wire]);
      return sum;
    },
    measure: measureAsync,
    times: () => {
      const seconds = new Float64Array(2);
      timesInto(seconds);
      return { travelled: seconds[0]!, waited: seconds[1]! };
    },
    fail: (code, text) => void fail(code, text),
    end: () => void end(),
  };
}

let joined: Promise<MpiRanks | undefined> | undefined;
let present: MpiRanks | undefined;

/**
 * Joins the other ranks, if a launcher started this process as one of several; once in a process. Throws UserError: AMP6503 to AMP6506, and
 * as `buildLibrary`.
 */
export function joinRanks(onNotice?: (text: string) => void): Promise<MpiRanks | undefined> {
  const found = launched();
  if (found === undefined || found.size === 1) return Promise.resolve(undefined);
  joined ??= open(found, onNotice).then((ranks) => {
    present = ranks;
    return ranks;
  });
  return joined;
}

/**
 * Ends this process's part: well, together with all others, or, where it failed, all of them with its exit code. What a rank says of its
 * failure the first one prints, which prints its own before. False: the ranks have not met, so that nothing was said or ended.
 */
export function leaveRanks(failure?: { readonly code: number; readonly text: string }): boolean {
  const ranks = present;
  present = undefined;
  if (ranks === undefined) return false;
  if (failure === undefined) ranks.end();
  else ranks.fail(failure.code, failure.text);
  return true;
}
