import { availableParallelism } from 'node:os';

/** Beyond these a disk is busy. */
const MOST_WORKERS = 16;

/** Threads that decode pictures. */
export function defaultWorkers(): number {
  return Math.max(1, Math.min(MOST_WORKERS, availableParallelism()));
}
