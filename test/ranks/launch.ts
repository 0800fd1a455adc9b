import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { mainScript } from '../support/main-script.js';
import { type OutputOf, outputOf } from '../support/output-of.js';

/** By library: the launcher under the name that tells it from the other one. */
export const LAUNCHERS = {
  'Open MPI': ['mpirun.openmpi', '--oversubscribe'],
  MPICH: ['mpirun.mpich'],
} as const;

export type Launcher = readonly [string, ...string[]];

const ENV = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1', AMPC_RANK_TIMEOUT: '120' };

/** What of both libraries is not here. */
export const MISSING = ['mpirun.openmpi', 'mpirun.mpich', 'mpicc.openmpi', 'mpicc.mpich', 'ps'].find((program) => {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
});

export interface Started extends OutputOf {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
}

export interface StartChoices {
  /** Further arguments of the last rank. */
  readonly last?: readonly string[];
  /** Arguments of the last rank in place of those of the others. */
  readonly instead?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A module that is loaded before `ampc`. */
  readonly preload?: string;
}

/** `mpirun -n RANKS ampc ARGS`. */
export function start(launcher: Launcher, ranks: number, args: readonly string[], { env, preload, ...ofLast }: StartChoices = {}): Started {
  const main = mainScript(preload);
  const instead = ofLast.instead && [...main.args, ...ofLast.instead];
  return startNode(launcher, ranks, [...main.args, ...args], { ...ofLast, ...(instead && { instead }), env: { ...main.env, ...env } });
}

/** `mpirun -n RANKS node ARGS`. */
export function startNode(
  [program, ...options]: Launcher,
  ranks: number,
  args: readonly string[],
  { last, instead, env }: Omit<StartChoices, 'preload'> = {},
): Started {
  const node = [process.execPath, ...args];
  const differs = last !== undefined || instead !== undefined;
  const further = differs ? [':', '-n', '1', process.execPath, ...(instead ?? args), ...(last ?? [])] : [];
  const count = differs ? ranks - 1 : ranks;
  const child = spawn(program, [...options, '-n', String(count), ...node, ...further], {
    env: { ...process.env, ...ENV, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { pid: child.pid!, kill: (signal) => void child.kill(signal), ...outputOf(child) };
}

/** Processes below `pid` that train. */
export function ranksOf(pid: number): readonly number[] {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const below = (parent: number): readonly string[][] =>
    rows.filter(([, ppid]) => Number(ppid) === parent).flatMap((row) => [row, ...below(Number(row[0]))]);
  return below(pid)
    .filter(([, , program]) => program === process.execPath)
    .map(([own]) => Number(own));
}

/** Whether any of them still runs; what has ended and was not asked for its end by whoever started it does not. */
function anyRuns(pids: readonly number[]): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', pids.join(',')], { encoding: 'utf8' });
  return stdout.split('\n').some((state) => state.trim() !== '' && !state.trim().startsWith('Z'));
}

/** Resolves when all have ended: a launcher may do so before those that it kills. */
export async function gone(pids: readonly number[]): Promise<void> {
  while (anyRuns(pids)) await new Promise((resolve) => setTimeout(resolve, 50));
}

const made = new Map<string, string>();

/** The path of a module of this folder as one file, which starts in half the time; made once in a process. */
export function bundle(module: string): string {
  const outfile = made.get(module) ?? fileURLToPath(new URL(`../../dist/test/${module}.mjs`, import.meta.url));
  if (made.has(module)) return outfile;
  buildSync({
    entryPoints: [fileURLToPath(new URL(`./${module}.ts`, import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi', 'sharp', 'webgpu', '@napi-rs/image', 'ajv', 'tar'],
    banner: { js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);" },
    logLevel: 'error',
  });
  made.set(module, outfile);
  return outfile;
}

/** As `start` of `ampc train`, with what becomes of a rank (`small-rank.ts`). */
export function startSmall(
  launcher: Launcher,
  ranks: number,
  file: string,
  options: object,
  env: Readonly<Record<string, string>>,
): Started {
  return startNode(launcher, ranks, [bundle('small-rank'), file, JSON.stringify(options)], { env });
}

/** Processes that said which they are. */
export function pidsIn(stdout: string): readonly number[] {
  return [...stdout.matchAll(/^pid (\d+)$/gm)].map(([, pid]) => Number(pid));
}
