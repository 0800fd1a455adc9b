import { UserError, userError } from '../diagnostics/diagnostic.js';
import { isFolder } from '../files/is-folder.js';
import { makeFolder } from '../files/make-folder.js';
import { errorCode, fileReason } from '../files/reason.js';
import { isTemporary, removeTemporaries } from '../files/temporary.js';
import { readdir, readFile, rm, rmdir } from '../platform/files.js';
import { join } from '../platform/path.js';
import { RUN_FILES, type RunContents, recordedSource, writeContents } from './run-folder.js';
import { isLock, RunLock } from './run-lock.js';

/** What systems and people put into a folder that is empty to them. */
const NOTHING = new Set(['.DS_Store', '.gitignore', '.gitkeep', 'lost+found']);

const OTHER_FOLDER = 'name another folder with --out';

/** Times that a folder is made again which somebody else removed just then. */
const MOST_TRIES = 100;

function unusable(dir: string, error: unknown): UserError {
  return error instanceof UserError ? error : userError('AMP7206', `cannot use ${dir} as a run folder`, fileReason(error), OTHER_FOLDER);
}

/** Files of a run that never came to its first checkpoint; undefined where there is anything else. */
async function unstartedFiles(dir: string, names: readonly string[]): Promise<readonly string[] | undefined> {
  const own = new Set<string>([RUN_FILES.config, RUN_FILES.plan, RUN_FILES.metrics]);
  const left = names.filter((name) => !own.has(name));
  if (names.includes(RUN_FILES.metrics) && (await readFile(join(dir, RUN_FILES.metrics), 'utf8')) !== '') return undefined;
  const source = names.includes(RUN_FILES.config) ? await recordedSource(dir) : undefined;
  const isOwn = source !== undefined && left.every((name) => name === source);
  return isOwn || names.length === 0 ? names : undefined;
}

/**
 * The files in `dir` that a new run may replace: those of a run that never came to its first checkpoint. Throws UserError AMP7204 when
 * `dir` holds a run, AMP7208 when it holds somebody else's files.
 */
async function replaceableFiles(dir: string): Promise<readonly string[]> {
  const names = (await readdir(dir)).filter((name) => !isLock(name) && !isTemporary(name) && !NOTHING.has(name));
  const unstarted = await unstartedFiles(dir, names);
  if (unstarted !== undefined) return unstarted;
  const found = [RUN_FILES.metrics, RUN_FILES.checkpoint, RUN_FILES.last, RUN_FILES.best].filter((name) => names.includes(name));
  if (found.length > 0)
    throw userError(
      'AMP7204',
      `${dir} already holds a run`,
      `it has ${found.join(', ')}, which would be overwritten`,
      `continue it with --resume, or ${OTHER_FOLDER}`,
    );
  const [first, second] = names.sort();
  throw userError(
    'AMP7208',
    `${dir} holds files that are not a run's`,
    `it has ${first}${second === undefined ? '' : names.length === 2 ? ` and ${second}` : `, ${second} and ${names.length - 2} more`}`,
    'name a folder that is empty, or not there yet, with --out',
  );
}

async function removeIfEmpty(folders: readonly string[]): Promise<void> {
  for (const folder of [...folders].reverse()) await rmdir(folder).catch(() => undefined);
}

/** A run folder that this process alone writes to, until it is released. */
export class RunClaim {
  private constructor(
    readonly dir: string,
    private readonly lock: RunLock | undefined,
    /** Folders that are removed if the run does not start; undefined for a run that goes on. */
    private readonly made: readonly string[] | undefined,
  ) {}

  get isNew(): boolean {
    return this.made !== undefined;
  }

  /**
   * For a new run: makes `dir`, or takes one that is empty or holds what a start left that came to nothing. Throws UserError: AMP7204 it
   * holds a run, AMP7206 it cannot be used, AMP7207 another process has it, AMP7208 it holds somebody else's files.
   */
  static async start(dir: string): Promise<RunClaim> {
    const made: string[] = [];
    for (let tries = 1; ; tries += 1) {
      try {
        await makeFolder(dir, undefined, made);
        // First without a lock: nothing is put among somebody else's files.
        await replaceableFiles(dir);
        return await RunClaim.fill(dir, await RunLock.take(dir), made);
      } catch (error) {
        // Another start that came to nothing has removed the folder.
        if (errorCode(error) === 'ENOENT' && tries < MOST_TRIES && !(await isFolder(dir))) continue;
        await removeIfEmpty(made);
        throw unusable(dir, error);
      }
    }
  }

  private static async fill(dir: string, lock: RunLock, made: readonly string[]): Promise<RunClaim> {
    try {
      // Another run may have begun, and ended, before the lock was taken.
      for (const name of await replaceableFiles(dir)) await rm(join(dir, name));
      await removeTemporaries(dir, { all: true });
      return new RunClaim(dir, lock, made);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** For a run that goes on. Throws UserError AMP7203 when there is no such folder, AMP7206 and AMP7207 as `start`. */
  static async resume(dir: string): Promise<RunClaim> {
    if (!(await isFolder(dir)))
      throw userError(
        'AMP7203',
        `cannot resume from ${dir}`,
        'there is no such folder',
        'start the run without --resume, or name its folder',
      );
    try {
      const claim = new RunClaim(dir, await RunLock.take(dir), undefined);
      await removeTemporaries(dir, { all: true });
      return claim;
    } catch (error) {
      throw unusable(dir, error);
    }
  }

  /** The folder of a run that the first of several ranks has: another one reads it, and writes nothing. */
  static follow(dir: string, isNew: boolean): RunClaim {
    return new RunClaim(dir, undefined, isNew ? [] : undefined);
  }

  /** What a new run keeps besides its results. Throws UserError AMP7206. */
  async write(contents: RunContents): Promise<void> {
    if (this.lock === undefined) return;
    await writeContents(this.dir, contents).catch((error: unknown) => {
      throw unusable(this.dir, error);
    });
  }

  /** Gives the folder back; a new run that has no checkpoint leaves nothing. */
  async release(): Promise<void> {
    if (this.lock === undefined) return;
    if (this.made !== undefined) {
      const names = await replaceableFiles(this.dir).catch(() => []);
      for (const name of names) await rm(join(this.dir, name), { force: true });
    }
    await this.lock.release();
    await removeIfEmpty(this.made ?? []);
  }
}
