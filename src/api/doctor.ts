import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { userError } from '../diagnostics/diagnostic.js';
import { isFolder } from '../files/is-folder.js';
import { fileReason } from '../files/reason.js';
import { type Diagnosis, diagnoseRun } from '../training/diagnose.js';
import { RUN_FILES } from '../training/run-folder.js';

async function readRunFile(run: string, name: string): Promise<string> {
  return readFile(join(run, name), 'utf8').catch(async (error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' && (await isFolder(run)) ? `it has no ${name}` : fileReason(error);
    throw userError('AMP7205', `${run} is not the folder of a run`, why, 'give the folder that ampc train named');
  });
}

/** What happened in a run: skipped steps, the loss scale over time, and what to change. Throws UserError AMP7205 when the folder holds no run. */
export async function diagnose(run: string): Promise<Diagnosis> {
  return diagnoseRun(await readRunFile(run, RUN_FILES.metrics), await readRunFile(run, RUN_FILES.plan), join(run, RUN_FILES.plan));
}
