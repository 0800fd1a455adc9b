import { isThere } from '../files/system-error.js';
import { join } from '../platform/path.js';
import { boardFiles } from './board-files.js';
import { CsvLog } from './csv-log.js';
import type { OpenLog } from './options.js';
import { RUN_FILES } from './run-folder.js';

export interface LogChoices {
  readonly csv?: boolean | undefined;
  readonly tensorboard?: boolean | undefined;
  readonly histograms?: boolean | undefined;
}

/** What the run in `run` is recorded in beside metrics.jsonl: what is asked for, else what it has been recorded in. */
export async function chooseLogs(run: string, { csv, tensorboard, histograms = false }: LogChoices): Promise<readonly OpenLog[]> {
  const wantsCsv = csv ?? (await isThere(join(run, RUN_FILES.csv)));
  const wantsBoard = tensorboard ?? (histograms || (await boardFiles(run)).length > 0);
  const logs = wantsCsv ? [CsvLog.open] : [];
  if (!wantsBoard) return logs;
  const { BoardLog } = await import('./board-log.js');
  return [...logs, (...of) => BoardLog.open(...of, { histograms })];
}
