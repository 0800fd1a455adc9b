import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { JobName } from './blocks-jobs.js';

const CHILD = fileURLToPath(new URL('./blocks-child.ts', import.meta.url));

/**
 * How many blocks of code (functions, branches, bodies of loops) a job runs for inputs of these sizes: a measure of work that is the same
 * on every machine, however busy. What a built-in function does inside counts as nothing.
 */
export async function blocksRun(job: JobName, sizes: readonly number[]): Promise<readonly number[]> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', CHILD, job, ...sizes.map(String)]);
  return JSON.parse(stdout) as number[];
}
