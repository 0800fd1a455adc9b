import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { mainScript } from '../support/main-script.js';

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

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly pid: number;
  waitFor(pattern: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly result: Promise<Ended>;
}

export interface StartChoices {
  /** Further arguments of the last rank. */
  readonly last?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A module that is loaded before `ampc`. */
  readonly preload?: string;
}

/** `mpirun -n RANKS ampc ARGS`. */
export function start(launcher: Launcher, ranks: number, args: readonly string[], { last = [], env, preload }: StartChoices = {}): Started {
  const main = mainScript(preload);
  return startNode(launcher, ranks, [...main.args, ...args], { last, env: { ...main.env, ...env } });
}

/** `mpirun -n RANKS node ARGS`. */
export function startNode(
  [program, ...options]: Launcher,
  ranks: number,
  args: readonly string[],
  { last = [], env }: Omit<StartChoices, 'preload'> = {},
): Started {
  const node = [process.execPath, ...args];
  const further = last.length === 0 ? [] : [':', '-n', '1', ...node, ...last];
  const count = last.length === 0 ? ranks : ranks - 1;
  const child = spawn(program, [...options, '-n', String(count), ...node, ...further], {
    env: { ...process.env, ...ENV, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  let changed = () => {};
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    changed();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let over = false;
  const result = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      over = true;
      changed();
      resolve({ code: code ?? -1, stdout, stderr });
    });
  });
  return {
    pid: child.pid!,
    result,
    kill: (signal) => void child.kill(signal),
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        changed = () => {
          if (pattern.test(stdout)) resolve();
          else if (over) reject(new Error(`ended before ${pattern} came:\n${stdout}\n${stderr}`));
        };
        changed();
      }),
  };
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

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

export async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 20));
}

const SMALL = fileURLToPath(new URL('../../dist/test/small-rank.mjs', import.meta.url));

/** Makes `small-rank.ts` one file, which starts in half the time: to be called before `startSmall`. */
export function bundleSmall(): void {
  buildSync({
    entryPoints: [fileURLToPath(new URL('./small-rank.ts', import.meta.url))],
    outfile: SMALL,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi', 'sharp', 'webgpu', '@napi-rs/image', 'ajv', 'tar'],
    banner: { js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);" },
    logLevel: 'error',
  });
}

/** As `start` of `ampc train`, with what becomes of a rank (`small-rank.ts`). */
export function startSmall(
  launcher: Launcher,
  ranks: number,
  file: string,
  options: object,
  env: Readonly<Record<string, string>>,
): Started {
  return startNode(launcher, ranks, [SMALL, file, JSON.stringify(options)], { env });
}

/** Processes that said which they are. */
export function pidsIn(stdout: string): readonly number[] {
  return [...stdout.matchAll(/^pid (\d+)$/gm)].map(([, pid]) => Number(pid));
}
