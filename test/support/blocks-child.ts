/**
 * Counts the blocks that a job runs, for sizes given as arguments, in a process of its own: code must be counted from the time on that it
 * is loaded.
 */
import { Session } from 'node:inspector/promises';
import type { JobName } from './blocks-jobs.js';

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
const { JOBS } = await import('./blocks-jobs.js');

/** Runs of functions, branches and loop bodies since the last call, Node's own left out. */
async function takeCount(): Promise<number> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const functions = result.filter(({ url }) => url.startsWith('file:')).flatMap((script) => script.functions);
  return functions.flatMap(({ ranges }) => ranges).reduce((sum, { count }) => sum + count, 0);
}

const [name, ...sizes] = process.argv.slice(2) as [JobName, ...string[]];
const job: (size: number) => () => unknown = JOBS[name];
// What is made once, whatever the size.
await job(Number(sizes[0]))();
const counts: number[] = [];
for (const size of sizes) {
  const work = job(Number(size));
  await takeCount();
  await work();
  counts.push(await takeCount());
}
process.stdout.write(JSON.stringify(counts));
