import { spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface Ended {
  readonly ok: boolean;
  readonly stdout: string;
  readonly seconds: number;
  /** How it ended: its exit code, the signal, or the limit. */
  readonly how: string;
  /** The end of what it wrote to stderr and stdout. */
  readonly last: string;
}

export interface ProgramOptions {
  /** After which it and what it started are ended. */
  readonly seconds: number;
  /** A folder and a name for a file that gets all that it writes. */
  readonly log?: { readonly folder: string; readonly name: string };
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a program; never rejects. */
export function runProgram(command: string, args: readonly string[], { seconds, log, env }: ProgramOptions): Promise<Ended> {
  const started = performance.now();
  const file = log === undefined ? undefined : openSync(join(log.folder, `${log.name}.log`), 'w');
  return new Promise((resolve) => {
    // A group of its own, which is ended as a whole: compilers and workers too.
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let [stdout, last, isLate] = ['', '', false];
    const late = setTimeout(() => {
      isLate = true;
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, seconds * 1000);
    const collect = (isOut: boolean) => (text: string) => {
      if (isOut) stdout += text;
      last = (last + text).slice(-2000);
      if (file !== undefined) writeSync(file, text);
    };
    child.stdout.setEncoding('utf8').on('data', collect(true));
    child.stderr.setEncoding('utf8').on('data', collect(false));
    let ended = false;
    const end = (ok: boolean, how: string) => {
      if (ended) return;
      ended = true;
      clearTimeout(late);
      if (file !== undefined) closeSync(file);
      resolve({ ok, stdout, seconds: (performance.now() - started) / 1000, how, last: last.trim() });
    };
    child.on('error', (error) => end(false, error.message));
    child.on('close', (code, signal) =>
      end(code === 0, isLate ? `took more than ${seconds.toFixed(0)} s` : `ended with ${signal ?? code}`),
    );
  });
}

/** The last lines that say something. */
export function lastLines(text: string, count = 3): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(-count).join(' / ');
}
