import { readdir } from '../platform/files.js';

/** How the files begin that TensorBoard looks for. */
export const BOARD_PREFIX = 'events.out.tfevents.';

/** The names of a run's files for TensorBoard; none where it has not been recorded for it. */
export async function boardFiles(run: string): Promise<readonly string[]> {
  return (await readdir(run).catch(() => [])).filter((name) => name.startsWith(BOARD_PREFIX));
}
