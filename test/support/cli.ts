import { spawn } from 'node:child_process';
import { runCommandLine } from '../../src/cli/run.js';
import { mainScript } from './main-script.js';
import { type Ended, type OutputOf, outputOf } from './output-of.js';

// Mocha requires what it can, and imports what waits at its top: then what ampc imports on demand is the same module as what it has
// at once.
await Promise.resolve();

export type CliResult = Ended;

function sink() {
  const parts: string[] = [];
  return { write: (text: string) => parts.push(text), text: () => parts.join('') };
}

/** Runs `ampc ARGS` in this process: fast, for everything but signals and streams. */
export async function ampc(...args: readonly string[]): Promise<CliResult> {
  const stdout = sink();
  const stderr = sink();
  const code = await runCommandLine(args, stdout, stderr);
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

export interface CliProcess extends OutputOf {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Reads no more: what the process writes from now on finds no reader. */
  stopReading(): void;
}

/** A file of `megabytes` takes no limit of the system by surprise, one more does: what a full disk looks like, for any user. */
export function fileLimit(megabytes: number): string {
  // Units of 512 bytes: POSIX has no others.
  return `ulimit -f ${2048 * megabytes}`;
}

export interface StartOptions {
  /** Shell commands that come first. */
  readonly before?: string;
  /** A file that comes through a pipe on stdin; the process is then not the one that signals go to. */
  readonly piped?: string;
  readonly cwd?: string;
  /**
   * URL of a module that is loaded before `ampc`. In NODE_OPTIONS it would need a loader of its own, and Node 20 hangs at times with two.
   */
  readonly preload?: string;
  /** Started by `nohup` from a shell that says so, bash. */
  readonly nohup?: boolean;
}

/** Starts `ampc ARGS` as a process of its own. */
export function startAmpc(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { before = ':', piped, nohup = false, cwd = process.cwd(), preload }: StartOptions = {},
): CliProcess {
  const main = mainScript(preload);
  const node = [process.execPath, ...main.args];
  const script = `${before}; ${piped === undefined ? 'exec' : `cat '${piped}' |`} "$@"`;
  const child = spawn(nohup ? 'bash' : 'sh', ['-c', nohup ? 'nohup "$@"' : script, 'sh', ...node, ...args], {
    cwd,
    // Not as npm starts it, whoever started the tests.
    env: { ...process.env, npm_command: undefined, ...main.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = outputOf(child);
  return {
    pid: child.pid!,
    kill: (signal) => void child.kill(signal),
    stopReading() {
      child.stdout.destroy();
      child.stderr.destroy();
    },
    ...output,
  };
}

const SIGNAL_AT = new URL('./signal-at.cjs', import.meta.url).href;

/** `ampc ARGS` in a process of its own that gets Ctrl-C, so many times, at the moment when it has written `text`. */
export function interruptedAt(text: string, args: readonly string[], times = 1): Promise<CliResult> {
  return startAmpc(args, { AMPC_TEST_SIGNAL: `SIGINT ${times} ${text}` }, { preload: SIGNAL_AT }).result;
}
