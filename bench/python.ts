import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A Python that has torch and numpy, or why there is none. */
export type Python = { readonly command: string; readonly torch: string } | { readonly command: undefined; readonly reason: string };

function run(command: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(command, [...args], { timeout: 120_000 }, (error, stdout) => resolve(error === null ? stdout.trim() : undefined));
  });
}

/**
 * The Python to compare with: $AMPC_BENCH_PYTHON, else `.peers/bin/python` in the working directory, else python3. One that the variable
 * names and that has no torch is not replaced by another.
 */
export async function findPython(env: Readonly<Record<string, string | undefined>> = process.env): Promise<Python> {
  const named = env.AMPC_BENCH_PYTHON;
  const local = join('.peers', 'bin', 'python');
  const candidates = named !== undefined && named !== '' ? [named] : [...(existsSync(local) ? [local] : []), 'python3'];
  for (const command of candidates) {
    const torch = await run(command, ['-c', 'import numpy, torch; print(torch.__version__)']);
    if (torch !== undefined) return { command, torch };
  }
  return { command: undefined, reason: `no torch and numpy in ${candidates.join(' or ')}` };
}

/** Keeps glibc from returning pages that the next step takes again: PyTorch's steps are bimodal without. */
export const MALLOC: Readonly<Record<string, string>> = {
  MALLOC_TOP_PAD_: '536870912',
  MALLOC_MMAP_THRESHOLD_: '4294967296',
  MALLOC_TRIM_THRESHOLD_: '8589934592',
};
