import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants as fileConstants, statSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';

/** How a program ended. */
export type Ending =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'timeout'; readonly seconds: number }
  /** The system did not start it. */
  | { readonly kind: 'system'; readonly error: NodeJS.ErrnoException };

export interface RunResult {
  /** It ended by itself with exit code 0. */
  readonly ok: boolean;
  readonly ending: Ending;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** After so long it is killed; default: never. */
  readonly timeoutMs?: number | undefined;
  /** Where it keeps its temporary files. */
  readonly temporary?: string | undefined;
  /** Aborting it kills the program. */
  readonly signal?: AbortSignal | undefined;
  /** Give way to everything else that runs. */
  readonly background?: boolean | undefined;
}

/**
 * Runs a program in a process group of its own and kills the group, compilers with all that they start, when the pipe closes that ampc
 * holds: however ampc ends, also by SIGKILL, nothing outlives it.
 */
const GUARD = `exec 3<&0 </dev/null
{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 &
guard=$!
"$@" 3<&-
code=$?
kill -KILL "$guard" 2>/dev/null
exit "$code"`;

const MOST_OUTPUT = 64 << 20;

/** A shell's exit code for a program that a signal ended. */
const SIGNALED = 128;

const running = new Set<ChildProcess>();

function kill(child: ChildProcess): void {
  const { pid } = child;
  try {
    if (pid === undefined) return;
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Kills every program that runs. */
export function killPrograms(): void {
  for (const child of running) kill(child);
}

/** Programs that others put into the working folder must not be taken for the compiler's own. */
export function absolutePath(path = process.env.PATH ?? ''): readonly string[] {
  return path.split(delimiter).filter((folder) => isAbsolute(folder));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, fileConstants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Absolute path of a program: the file of that path, or the first of that name on the PATH, whose relative entries do not count; undefined
 * when there is none.
 */
export function findProgram(name: string): string | undefined {
  if (/[/\\]/.test(name)) return isExecutable(resolve(name)) ? resolve(name) : undefined;
  const suffixes = process.platform === 'win32' ? ['', '.exe'] : [''];
  for (const folder of absolutePath())
    for (const suffix of suffixes) if (isExecutable(join(folder, name + suffix))) return join(folder, name + suffix);
  return undefined;
}

function start(command: readonly string[], { temporary }: RunOptions): ChildProcess {
  const env = { ...process.env, PATH: absolutePath().join(delimiter), LC_ALL: 'C', ...(temporary && { TMPDIR: temporary }) };
  const options = { env, windowsHide: true, stdio: 'pipe' } as const;
  const [program, ...args] = command as [string, ...string[]];
  if (process.platform === 'win32') return spawn(program, args, options);
  return spawn('/bin/sh', ['-c', GUARD, 'ampc', program, ...args], { ...options, detached: true });
}

/** Where the system does not allow it, the program runs as any other. */
function giveWay({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It may have ended by now.
  }
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const parts: Buffer[] = [];
  let bytes = 0;
  stream?.on('data', (part: Buffer) => {
    if (bytes < MOST_OUTPUT) parts.push(part);
    bytes += part.length;
  });
  return () => Buffer.concat(parts).toString('utf8');
}

function endingOf(code: number | null, signal: NodeJS.Signals | null): Ending {
  if (signal !== null) return { kind: 'signal', signal };
  const number = (code ?? 0) - SIGNALED;
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0] as NodeJS.Signals | undefined;
  return name === undefined ? { kind: 'exit', code: code ?? 0 } : { kind: 'signal', signal: name };
}

/**
 * Runs a program, which reads no input. Resolves also when it fails or cannot be started; rejects with the signal's reason when that is
 * aborted.
 */
export function runProgram(command: readonly [string, ...string[]], args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { timeoutMs, signal, background } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    let child: ChildProcess;
    try {
      child = start([...command, ...args], options);
    } catch (error) {
      return resolve({ ok: false, ending: { kind: 'system', error: error as NodeJS.ErrnoException }, stdout: '', stderr: '' });
    }
    running.add(child);
    if (background === true) giveWay(child);
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    child.stdin?.on('error', () => {});
    if (process.platform === 'win32') child.stdin?.end();
    let early: Ending | undefined;
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            early = { kind: 'timeout', seconds: timeoutMs / 1000 };
            kill(child);
          }, timeoutMs);
    const abort = () => kill(child);
    signal?.addEventListener('abort', abort);
    let over = false;
    const finish = (ending: Ending) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      running.delete(child);
      child.stdin?.destroy();
      if (signal?.aborted) reject(signal.reason as Error);
      else resolve({ ok: ending.kind === 'exit' && ending.code === 0, ending, stdout: stdout(), stderr: stderr() });
    };
    child.on('error', (error) => finish({ kind: 'system', error }));
    child.on('close', (code, by) => finish(early ?? endingOf(code, by)));
  });
}
