import { type Stats, statSync } from 'node:fs';
import { chmod, lstat, realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UserError, userError } from '../diagnostics/diagnostic.js';
import { userCacheFolder } from './home.js';
import { makeFolder } from './make-folder.js';
import { fileReason } from './reason.js';

export type CacheName = 'kernels' | 'costs' | 'images';

/**
 * What to say where the usual cache cannot be used and `what` is not kept. Throws `error` when it is no UserError, and where AMPC_CACHE
 * names a place, which must do.
 */
export function notKept(error: unknown, what: string): string {
  if (!(error instanceof UserError) || process.env.AMPC_CACHE) throw error;
  const [{ message, why }] = error.diagnostics as [UserError['diagnostics'][number]];
  return `${message}${why === undefined ? '' : `: ${why}`}; ${what} not kept (AMPC_CACHE names another folder)`;
}

/**
 * Where a cache is kept: such as `ampc-kernels` in `$AMPC_CACHE`, else `ampc/kernels` in the user's cache folder. The last part is always
 * ampc's own: a folder that a variable names may hold other things. Undefined without the variable and without a home.
 */
export function cacheFolder(name: CacheName): string | undefined {
  const { AMPC_CACHE } = process.env;
  if (AMPC_CACHE) return join(resolve(AMPC_CACHE), `ampc-${name}`);
  const user = userCacheFolder();
  return user === undefined ? undefined : join(user, name);
}

const OWN_FOLDER = 'set AMPC_CACHE to a folder of your own';

function noCache(folder: string, why: string): UserError {
  return userError('AMP6024', `the cache ${folder} cannot be used`, why, 'set AMPC_CACHE to a folder that you can write to');
}

/** A folder above, in which others may rename what is not theirs. */
function openToOthers(folder: string): string | undefined {
  for (let at = dirname(folder); ; at = dirname(at)) {
    const { mode } = statSync(at);
    const sticky = (mode & 0o1000) !== 0;
    if ((mode & 0o002) !== 0 && !sticky) return at;
    if (at === dirname(at)) return undefined;
  }
}

function refuseUnlessPrivate(folder: string, found: Stats): void {
  if (!found.isDirectory()) throw noCache(folder, 'it is a link or a file, not a folder');
  // Whoever can replace a file in it has this user run programs.
  if (found.uid !== process.getuid?.()) throw userError('AMP6023', `the cache ${folder} belongs to another user`, undefined, OWN_FOLDER);
  const above = openToOthers(folder);
  if (above === undefined) return;
  throw userError(
    'AMP6023',
    `the cache ${folder} can be replaced by other users`,
    `everybody may rename what is in ${above}`,
    `${OWN_FOLDER}, or take the permission away: chmod o-w ${above}`,
  );
}

/**
 * Makes a cache's folder, which only this user may enter. Throws UserError: AMP6023 when other users could change what is in it, AMP6024
 * when the system refuses it, both with what to do.
 */
export async function openCache(name: CacheName): Promise<string> {
  const folder = cacheFolder(name);
  if (folder === undefined) throw noCache(`for ${name}`, 'this user has no home folder');
  try {
    await makeFolder(folder, 0o700);
    const found = await lstat(folder);
    if (process.platform === 'win32') return folder;
    const real = await realpath(folder);
    refuseUnlessPrivate(real, found);
    if ((found.mode & 0o777) !== 0o700) await chmod(real, 0o700);
    return real;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw noCache(folder, fileReason(error));
  }
}
