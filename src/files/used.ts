import type { UsedText } from '../diagnostics/diagnostic.js';
import { userError } from '../diagnostics/diagnostic.js';
import { readFile } from '../platform/files.js';
import { join } from '../platform/path.js';
import { fields, isText, listOf } from './json-form.js';
import { fileReason } from './reason.js';
import { isThere } from './system-error.js';

/** What a run has besides its source: the texts of the files that it uses, as they were when it began. */
export const USED_FILE = 'used.json';

const isUsed = listOf(fields({ name: isText, path: isText, text: isText }));

/** The used files that lie beside a source in the folder of a run; undefined where there are none. Throws UserError AMP7205. */
export async function readUsed(dir: string): Promise<readonly UsedText[] | undefined> {
  const path = join(dir, USED_FILE);
  if (!(await isThere(path))) return undefined;
  try {
    const used: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (isUsed(used)) return used as UsedText[];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw userError('AMP7205', `${path} cannot be read`, fileReason(error));
  }
  throw userError('AMP7205', `${path} is damaged`, 'it is not what ampc train writes', 'restore the file, or start a new run');
}
