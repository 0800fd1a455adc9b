import { homedir } from 'node:os';
import { join } from 'node:path';

function userCache(): string {
  const { env, platform } = process;
  if (platform === 'win32') return env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local');
  return platform === 'darwin' ? join(homedir(), 'Library', 'Caches') : env.XDG_CACHE_HOME || join(homedir(), '.cache');
}

/** Where compiled plans are kept: `$AMPC_CACHE`, or `ampc/kernels` in the user's cache folder. */
export function cacheFolder(): string {
  return process.env.AMPC_CACHE || join(userCache(), 'ampc', 'kernels');
}

/** Where measured costs are kept: `$AMPC_CACHE/costs`, or `ampc/costs` in the user's cache folder. */
export function costsFolder(): string {
  const { AMPC_CACHE } = process.env;
  return AMPC_CACHE ? join(AMPC_CACHE, 'costs') : join(userCache(), 'ampc', 'costs');
}
