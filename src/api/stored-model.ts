import { type UserError, userError } from '../diagnostics/diagnostic.js';
import { shellWord } from '../diagnostics/shell-word.js';
import { isThere } from '../files/system-error.js';
import type { AverageSpec, Evaluated } from '../ir/average.js';
import { join } from '../platform/path.js';
import { otherThan } from '../training/evaluated.js';
import { hasWeights, RUN_FILES } from '../training/run-folder.js';

/** The file of a run's last weights. Throws UserError AMP7211 where none were ever saved. */
export async function lastWeights(run: string): Promise<string> {
  if (await hasWeights(run)) return join(run, RUN_FILES.last);
  throw userError(
    'AMP7211',
    `the run ${run} has no weights`,
    `it has no ${RUN_FILES.last}: it ended before an epoch was whole, or its numbers were not finite by then`,
    `\`ampc doctor ${shellWord(run)}\` tells its story; train on with --resume ${shellWord(run)}, or name other weights with --weights`,
  );
}

/** Weights of a run beside those that its evaluation uses. */
export interface OtherWeights {
  readonly of: Evaluated;
  readonly path: string;
}

/** Those of a run that keeps averages, once it has some. */
export async function otherWeights(run: string, average: AverageSpec | undefined): Promise<OtherWeights | undefined> {
  if (average === undefined) return undefined;
  const of = otherThan(average.evaluate);
  const path = join(run, of === 'raw' ? RUN_FILES.lastRaw : RUN_FILES.lastAverage);
  return (await isThere(path)) ? { of, path } : undefined;
}

/** UserError AMP6202: neither a folder, nor a file with weights. */
export async function isNoRun(target: string): Promise<UserError> {
  const there = await isThere(target);
  const isNot = target.endsWith('.amp') ? 'a .amp file has no weights of its own' : 'it is a file';
  return userError(
    'AMP6202',
    `${target} is not the folder of a run`,
    there ? isNot : 'there is no such folder',
    'give the folder that ampc train named, or a .amp file with --weights W.safetensors',
  );
}
