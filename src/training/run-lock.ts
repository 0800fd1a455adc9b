import { type UserError, userError } from '../diagnostics/diagnostic.js';
import { isProcessAlive, processStart } from '../files/process.js';
import { temporaryBeside } from '../files/temporary.js';
import { link, open, readdir, readFile, rm, stat } from '../platform/files.js';
import { join } from '../platform/path.js';
import { hostname, pid as ownPid } from '../platform/system.js';

/** Whose lock comes later has the larger number. */
const LOCK = /^run-(\d+)\.lock$/;

/** Codes of file systems without further names for a file. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** A lock without contents is about to be written, or its writer was killed just then. */
const SURELY_WRITTEN_MS = 60_000;

const MOST_TRIES = 100;

export function isLock(name: string): boolean {
  return LOCK.test(name);
}

/** Who writes to a run folder. */
interface Owner {
  readonly pid: number;
  readonly host: string;
  /** Tells the process from a later one of the same id, where the system can. */
  readonly start?: string | undefined;
  /** For people. */
  readonly since: string;
}

interface Lock {
  readonly path: string;
  readonly number: number;
  /** Undefined while it is being written. */
  readonly owner: Owner | undefined;
  /** Whether nobody holds it any more. */
  readonly isOver: boolean;
}

function isOver({ host, pid, start }: Owner): boolean {
  if (host !== hostname()) return false;
  if (!isProcessAlive(pid)) return true;
  const now = start === undefined ? undefined : processStart(pid);
  return now !== undefined && now !== start;
}

function parseOwner(text: string): Owner | undefined {
  try {
    const { pid, host, start, since } = JSON.parse(text) as Partial<Record<keyof Owner, unknown>>;
    if (typeof pid !== 'number' || typeof host !== 'string') return undefined;
    return { pid, host, start: typeof start === 'string' ? start : undefined, since: String(since) };
  } catch {
    return undefined;
  }
}

/** Undefined for a lock that was given back in the meantime. */
async function readLock(path: string, number: number): Promise<Lock | undefined> {
  try {
    const owner = parseOwner(await readFile(path, 'utf8'));
    if (owner !== undefined) return { path, number, owner, isOver: isOver(owner) };
    return { path, number, owner, isOver: Date.now() - (await stat(path)).mtimeMs > SURELY_WRITTEN_MS };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function readLocks(dir: string, all?: readonly string[]): Promise<readonly Lock[]> {
  const names = (all ?? (await readdir(dir))).filter(isLock);
  const locks = await Promise.all(names.map((name) => readLock(join(dir, name), Number(LOCK.exec(name)?.[1]))));
  return locks.filter((lock) => lock !== undefined);
}

/**
 * Whether a process writes to the run in `dir`, as far as this machine can tell; `names`: what the folder holds, where that is known.
 * Throws the system's error.
 */
export async function isHeld(dir: string, names?: readonly string[]): Promise<boolean> {
  return (await readLocks(dir, names)).some((lock) => !lock.isOver);
}

function taken(dir: string, { path, owner }: Lock): UserError {
  const here = owner?.host === hostname();
  const who = owner === undefined ? 'another process' : `process ${owner.pid}${here ? '' : ` on ${owner.host}`}`;
  const isGone = here || owner === undefined ? 'if that process is not ampc' : `if nothing runs on ${owner.host} any more`;
  return userError(
    'AMP7207',
    `${dir} is in use`,
    `${who} writes to it${owner === undefined ? '' : `, since ${owner.since}`}`,
    `wait for its end; ${isGone}, remove ${path}`,
  );
}

/** Makes a file with these contents, all at once, unless it is there: then false. */
async function createWhole(path: string, text: string): Promise<boolean> {
  const temporary = temporaryBeside(path);
  try {
    const file = await open(temporary, 'wx');
    await file.writeFile(text).finally(() => file.close());
    await link(temporary, path).catch(async (error: NodeJS.ErrnoException) => {
      if (!NO_LINKS.has(error.code ?? '')) throw error;
      const direct = await open(path, 'wx');
      await direct.writeFile(text).finally(() => direct.close());
    });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Holds a run folder for this process. A lock is a file with a number of its own, made with its contents in one step. Who makes one looks
 * again at all others and gives way to any that is held: of two that come at once at most one stays. The lock of a process that is gone is
 * never replaced, only left behind by one with a larger number, and then removed.
 */
export class RunLock {
  private constructor(private readonly path: string) {}

  /** Throws UserError AMP7207 that names the process which holds `dir`, or the system's error. */
  static async take(dir: string): Promise<RunLock> {
    const owner: Owner = { pid: ownPid, host: hostname(), start: processStart(ownPid), since: new Date().toISOString() };
    for (let tries = 1; ; tries += 1) {
      const before = await readLocks(dir);
      const held = before.find((lock) => !lock.isOver);
      if (held !== undefined) throw taken(dir, held);
      const path = join(dir, `run-${Math.max(0, ...before.map(({ number }) => number)) + 1}.lock`);
      if (await createWhole(path, `${JSON.stringify(owner)}\n`)) return RunLock.confirm(dir, path);
      if (tries === MOST_TRIES) throw new Error(`${path} is there, and is not`);
    }
  }

  private static async confirm(dir: string, path: string): Promise<RunLock> {
    const others = (await readLocks(dir)).filter((lock) => lock.path !== path);
    const held = others.find((lock) => !lock.isOver);
    if (held !== undefined) {
      await rm(path, { force: true });
      throw taken(dir, held);
    }
    for (const lock of others) await rm(lock.path, { force: true });
    return new RunLock(path);
  }

  async release(): Promise<void> {
    await rm(this.path, { force: true });
  }
}
