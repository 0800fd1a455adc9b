import { errorCode } from '../files/reason.js';
import { schemaProblem } from '../files/schemas.js';
import { readFile } from '../platform/files.js';
import { join } from '../platform/path.js';
import type { TrainEvent } from './events.js';
import { RUN_FILES } from './run-folder.js';

function parseEvent(line: string): TrainEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return schemaProblem('events', value) === undefined ? (value as TrainEvent) : undefined;
  } catch {
    return undefined;
  }
}

/** The lines that are events as ampc writes them; one that a crash cut off, or that was damaged, is left out. */
export function eventLines(metrics: string): string {
  return metrics
    .split('\n')
    .filter((line) => parseEvent(line) !== undefined)
    .join('\n');
}

/** The events of the run in `dir`, none where it has no metrics.jsonl yet; how many lines are no events. Throws the system's error. */
export async function readEvents(dir: string): Promise<{ readonly events: readonly TrainEvent[]; readonly damaged: number }> {
  const text = await readFile(join(dir, RUN_FILES.metrics), 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n').filter((line) => line !== '');
  const events = lines.flatMap((line) => parseEvent(line) ?? []);
  return { events, damaged: lines.length - events.length };
}
