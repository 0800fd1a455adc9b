import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { userError } from '../diagnostics/diagnostic.js';
import { isFolder } from '../files/is-folder.js';
import { fileReason } from '../files/reason.js';
import { isThere } from '../files/system-error.js';
import { given } from '../given.js';
import { describeBackend } from '../runtime/select.js';
import { type Diagnosis, diagnoseRun } from '../training/diagnose.js';
import type { BrokenState } from '../training/diagnose-numbers.js';
import { eventLines } from '../training/metrics-file.js';
import { RUN_FILES } from '../training/run-folder.js';
import { readSafetensors } from '../training/safetensors.js';
import { countNonFinite } from '../training/states.js';
import { parseSavedPlan, withSavedPlan } from './saved-plan.js';

async function readRunFile(run: string, name: string): Promise<string> {
  return readFile(join(run, name), 'utf8').catch(async (error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' && (await isFolder(run)) ? `it has no ${name}` : `${name}: ${fileReason(error)}`;
    throw userError('AMP7205', `${run} is not the folder of a run`, why, 'give the folder that ampc train named');
  });
}

/** What is not finite in a file of the run; nothing where there is no such file. Throws UserError AMP7201 when it is damaged. */
async function brokenStates(run: string, file: string): Promise<readonly BrokenState[]> {
  if (!(await isThere(join(run, file)))) return [];
  const { tensors } = await readSafetensors(join(run, file));
  return [...tensors].flatMap(([state, { data }]): BrokenState[] => {
    const nonFinite = countNonFinite(data);
    return nonFinite === 0 ? [] : [{ file, state, nonFinite, elements: data.length }];
  });
}

/** What is known of the self-check of the device here. No other backend is asked: some take seconds to start. */
async function selfCheckOf(backend: Diagnosis['backend']): Promise<string | undefined> {
  if (backend !== 'cuda') return undefined;
  const { info } = await describeBackend(backend);
  return info.details?.['self-check'] ?? `not known: ${info.reason ?? 'cuda cannot run here'}`;
}

/**
 * What happened in a run: skipped steps, the loss scale over time, and what to change. Throws UserError AMP7205 when the folder holds no
 * run, AMP7201 when a file of it is damaged.
 */
export async function diagnose(run: string): Promise<Diagnosis> {
  const [metrics, plan] = [await readRunFile(run, RUN_FILES.metrics), await readRunFile(run, RUN_FILES.plan)];
  const planPath = join(run, RUN_FILES.plan);
  parseSavedPlan({ text: plan, path: planPath });
  const states: BrokenState[] = [];
  for (const file of [RUN_FILES.checkpoint, RUN_FILES.last, RUN_FILES.best]) states.push(...(await brokenStates(run, file)));
  const found = await withSavedPlan(planPath, () => diagnoseRun(eventLines(metrics), plan, { planPath, states }));
  const selfCheck = await selfCheckOf(found.backend);
  return { ...found, ...given({ selfCheck }) };
}
