import { isThere } from '../files/system-error.js';
import { join } from '../platform/path.js';
import { BoardLog, hasBoard } from './board-log.js';
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
  const wantsBoard = tensorboard ?? (histograms || (await hasBoard(run)));
  const openBoard: OpenLog = (...of) => BoardLog.open(...of, { histograms });
  return [...(wantsCsv ? [CsvLog.open] : []), ...(wantsBoard ? [openBoard] : [])];
}
