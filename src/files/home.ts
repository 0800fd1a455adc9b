import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The user's home folder; undefined where the system names none (no HOME, and no entry for this user), or none that is absolute. */
export function homeFolder(): string | undefined {
  try {
    const home = homedir();
    return isAbsolute(home) ? home : undefined;
  } catch {
    return undefined;
  }
}

/** `ampc` in the folder that the system has for caches of this user; undefined without a home. */
export function userCacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform | 'browser' = process.platform,
  home = homeFolder(),
): string | undefined {
  const named = platform === 'win32' ? env.LOCALAPPDATA : platform === 'darwin' ? undefined : env.XDG_CACHE_HOME;
  // The XDG specification has relative paths ignored.
  if (named && isAbsolute(named)) return join(named, 'ampc');
  if (home === undefined) return undefined;
  const inHome = platform === 'win32' ? ['AppData', 'Local'] : platform === 'darwin' ? ['Library', 'Caches'] : ['.cache'];
  return join(home, ...inHome, 'ampc');
}
