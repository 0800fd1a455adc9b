import { readdir } from '../platform/files.js';

/** How the files begin that TensorBoard looks for. */
export const BOARD_PREFIX = 'events.out.tfevents.';

/** The names of a run's files for TensorBoard; none where it has not been recorded for it. */
export async function boardFiles(run: string): Promise<readonly string[]> {
  return (await readdir(run).catch(() => [])).filter((name) => name.startsWith(BOARD_PREFIX));
}

/**
 * The name of a run's next file. TensorBoard reads files in the order of their names, which begin with a second: that of now, or the one
 * behind all files that are there, where a run goes on within a second or on a machine whose clock is behind.
 */
export async function nextBoardFile(run: string, host: string, process: number): Promise<string> {
  const there = await boardFiles(run);
  const seconds = there.map((name) => Number.parseInt(name.slice(BOARD_PREFIX.length), 10)).filter(Number.isFinite);
  const second = Math.max(Math.floor(Date.now() / 1000), ...seconds.map((of) => of + 1));
  return `${BOARD_PREFIX}${String(second).padStart(10, '0')}.${host}.${process}.${there.length}`;
}
