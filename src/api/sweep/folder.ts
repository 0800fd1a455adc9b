import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type UserError, userError } from '../../diagnostics/diagnostic.js';
import { fields, isText, recordOf } from '../../files/json-form.js';
import { makeFolder } from '../../files/make-folder.js';
import { errorCode, fileReason, isSystemError } from '../../files/reason.js';
import { replaceFile } from '../../files/replace-file.js';
import { isTemporary } from '../../files/temporary.js';
import { VERSION } from '../../files/version.js';
import { isLock, RunLock } from '../../training/run-lock.js';

/** The file that says which sweep a folder holds. */
export const SWEEP_FILE = 'sweep.json';

type Facts = Readonly<Record<string, string>>;

function unusable(dir: string, error: unknown): unknown {
  if (!isSystemError(error)) return error;
  return userError('AMP6206', `cannot use ${dir} as the folder of a sweep`, fileReason(error), 'name another folder with --out');
}

function damaged(path: string, why: string): UserError {
  return userError('AMP6206', `${path} is damaged`, why, 'restore it, or start the sweep anew in another folder: --out DIR');
}

async function storedFacts(path: string): Promise<Facts | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    if (error instanceof SyntaxError) throw damaged(path, error.message);
    throw error;
  }
  if (!fields({ ampc: isText, sweep: recordOf(isText) })(value)) throw damaged(path, 'it is not what ampc sweep writes');
  return (value as { readonly sweep: Facts }).sweep;
}

/** Throws UserError AMP6207 that names every difference. */
function refuseOther(dir: string, then: Facts, now: Facts): void {
  const keys = [...new Set([...Object.keys(then), ...Object.keys(now)])].filter((key) => then[key] !== now[key]);
  if (keys.length === 0) return;
  const differences = keys.map((key) =>
    key === 'its text' ? 'the text of the file is another' : `${key} was ${then[key] ?? 'not set'} and is ${now[key] ?? 'not set'}`,
  );
  throw userError(
    'AMP6207',
    `${dir} holds another sweep`,
    differences.join('; '),
    'call it as it was begun to go on with it, or name another folder for this one: --out DIR',
  );
}

/**
 * Takes a folder for a sweep, and holds it until the lock is released: a new or empty one, or that of the same sweep. Throws UserError:
 * AMP6206 it cannot be used, AMP6207 it holds another sweep, AMP7207 another process has it.
 */
export async function takeSweepFolder(dir: string, facts: Facts): Promise<RunLock> {
  const path = join(dir, SWEEP_FILE);
  try {
    await makeFolder(dir);
    const stored = await storedFacts(path);
    const names = (await readdir(dir)).filter((name) => !isLock(name) && !isTemporary(name));
    if (stored === undefined && names.length > 0)
      throw userError(
        'AMP6206',
        `${dir} holds files that are not a sweep's`,
        `it has ${names.sort()[0]}, and no ${SWEEP_FILE}`,
        'name a folder that is empty, or not there yet, with --out',
      );
    if (stored !== undefined) refuseOther(dir, stored, facts);
    const lock = await RunLock.take(dir);
    if (stored === undefined) await replaceFile(path, `${JSON.stringify({ ampc: VERSION, sweep: facts }, undefined, 2)}\n`);
    return lock;
  } catch (error) {
    throw unusable(dir, error);
  }
}
