import { freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { userError } from '../diagnostics/diagnostic.js';
import { systemText } from '../files/system-text.js';
import { parseBytes } from '../numeric/bytes.js';

/** What this process may still take. */
export interface FreeMemory {
  readonly bytes: number;
  /** What sets the limit, in words. */
  readonly limit: string;
}

/** Reads a file of the system; undefined where there is none. */
export type ReadText = (path: string) => string | undefined;

/** A number behind a name in one of the system's tables. */
function numberOf(text: string | undefined, name: string): number | undefined {
  const found = new RegExp(`^${name}[\\s:]+(\\d+)`, 'm').exec(text ?? '')?.[1];
  return found === undefined ? undefined : Number(found);
}

function kibibytes(text: string | undefined, name: string): number | undefined {
  const found = numberOf(text, name);
  return found === undefined ? undefined : found * 1024;
}

interface Accounting {
  readonly root: string;
  readonly limit: string;
  readonly usage: string;
  /** In memory.stat: pages of files, which the kernel takes back. */
  readonly files: string;
}

const VERSION_1: Accounting = {
  root: '/sys/fs/cgroup/memory',
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  files: 'total_inactive_file',
};
const VERSION_2: Accounting = { root: '/sys/fs/cgroup', limit: 'memory.max', usage: 'memory.current', files: 'inactive_file' };

/** What is left in the group of this process and in those around it, of both versions of control groups. */
function groupLimits(read: ReadText): FreeMemory[] {
  const found: FreeMemory[] = [];
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const accounting = controllers === '' ? VERSION_2 : controllers.split(',').includes('memory') ? VERSION_1 : undefined;
    if (accounting === undefined) continue;
    for (let group = path; ; group = dirname(group)) {
      const folder = join(accounting.root, group);
      const limit = Number(read(join(folder, accounting.limit)) ?? Number.NaN);
      const usage = Number(read(join(folder, accounting.usage)) ?? Number.NaN);
      const files = numberOf(read(join(folder, 'memory.stat')), accounting.files) ?? 0;
      if (limit >= 0 && usage >= 0)
        found.push({ bytes: Math.max(0, limit - usage + files), limit: 'the limit of its control group (container)' });
      if (group === '/') break;
    }
  }
  return found;
}

/** What `ulimit -v` and `ulimit -d` leave. */
function processLimits(read: ReadText): FreeMemory[] {
  const [limits, status] = [read('/proc/self/limits'), read('/proc/self/status')];
  const kinds = [
    ['Max address space', 'VmSize', 'ulimit -v'],
    ['Max data size', 'VmData', 'ulimit -d'],
  ] as const;
  return kinds.flatMap(([name, used, limit]) => {
    const most = numberOf(limits, name);
    return most === undefined ? [] : [{ bytes: Math.max(0, most - (kibibytes(status, used) ?? 0)), limit }];
  });
}

function machineMemory(read: ReadText): FreeMemory {
  const limit = 'what the system says is available';
  const available = kibibytes(read('/proc/meminfo'), 'MemAvailable');
  if (available !== undefined) return { bytes: available, limit };
  // macOS calls little free: nearly all of its memory holds files that make way.
  return process.platform === 'darwin' ? { bytes: totalmem(), limit: 'the memory of this machine' } : { bytes: freemem(), limit };
}

/**
 * The memory that this process may still take: of the machine, within the limits of its control groups and of `ulimit`. `AMPC_MEMORY`
 * overrules them: an amount, or `unlimited`, for which it is undefined. Throws UserError AMP6054 for another value.
 */
export function freeMemory(env: NodeJS.ProcessEnv = process.env, read: ReadText = systemText): FreeMemory | undefined {
  const { AMPC_MEMORY: named } = env;
  if (named === 'unlimited') return undefined;
  if (named) {
    const bytes = parseBytes(named);
    if (bytes !== undefined) return { bytes, limit: 'AMPC_MEMORY' };
    const fix = 'correct or unset AMPC_MEMORY';
    throw userError('AMP6054', `AMPC_MEMORY is ${named}`, 'it is an amount, such as 12 GiB, or `unlimited`', fix);
  }
  return [machineMemory(read), ...groupLimits(read), ...processLimits(read)].reduce((least, one) =>
    one.bytes < least.bytes ? one : least,
  );
}
