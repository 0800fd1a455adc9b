import { access, constants, type FileHandle, open, readlink, realpath, rename, rm, type Stats, stat } from '../platform/files.js';
import { basename, dirname, resolve } from '../platform/path.js';
import { platform } from '../platform/system.js';
import { errorCode } from './reason.js';
import { removeTemporaries, temporaryBeside } from './temporary.js';

/** Bytes written in one call: the system takes less than 2 GiB at once. */
const PIECE = 1 << 24;

const MOST_LINKS = 40;

/** Codes of a system that lets nothing be put beside a file, or that keeps its owner from being given away. */
const NOT_BESIDE = new Set(['EACCES', 'EPERM', 'EROFS']);

/** Writes all of `bytes`, from byte `at` of the file on (default: where the last write ended). */
export async function writeAll(file: FileHandle, bytes: Uint8Array, at?: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const length = Math.min(PIECE, bytes.length - done);
    const { bytesWritten } = await file.write(bytes, done, length, at === undefined ? null : at + done);
    done += bytesWritten;
  }
}

/** Makes a rename in `folder` survive a power cut, where the system can sync folders and this user may read it. */
async function syncFolder(folder: string): Promise<void> {
  if (platform === 'win32') return;
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EINVAL', 'ENOTSUP'].includes(errorCode(error) ?? '')) throw error;
  }
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  return stat(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
}

/** The file that a link leads to, though it is not there yet. */
async function followLinks(path: string): Promise<string> {
  let at = path;
  for (let links = 0; links < MOST_LINKS; links += 1) {
    const target = await readlink(at).catch(() => undefined);
    if (target === undefined) break;
    at = resolve(await realpath(dirname(at)), target);
  }
  return at;
}

/** Owner, group and permissions of the file that is replaced. */
async function takeAfter(file: FileHandle, before: Stats): Promise<void> {
  const { uid, gid } = await file.stat();
  if (uid !== before.uid || gid !== before.gid) await file.chown(before.uid, before.gid);
  await file.chmod(before.mode & 0o7777);
}

async function replaceBeside(path: string, before: Stats | undefined, fill: (file: FileHandle) => Promise<void>): Promise<void> {
  await removeTemporaries(dirname(path), { of: basename(path) });
  const temporary = temporaryBeside(path);
  const file = await open(temporary, 'wx', before === undefined ? 0o666 : 0o600);
  try {
    try {
      if (before !== undefined) await takeAfter(file, before);
      await fill(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * For a file that nothing can be put beside. What the file grows by is written first: a full disk is met before anything of the old
 * contents is touched. After any other failure they are put back.
 */
async function overwrite(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const before = await file.readFile();
    try {
      await writeAll(file, bytes.subarray(before.length), before.length);
      await writeAll(file, bytes.subarray(0, before.length), 0);
      await file.truncate(bytes.length);
      await file.sync();
    } catch (error) {
      await writeAll(file, before, 0);
      await file.truncate(before.length);
      throw error;
    }
  } finally {
    await file.close();
  }
}

async function writeToDevice(path: string, fill: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, 'w');
  try {
    await fill(file);
  } finally {
    await file.close();
  }
}

/**
 * Replaces `path` by what `fill` writes, from the first byte on: readers, and a restart after a crash or a power cut, see the whole old
 * file or the whole new one. A link is followed, and owner and permissions stay. A file that may not be written to is not replaced either;
 * a device or a pipe is written to. Throws the system's error; the old file is then as it was.
 */
export async function replaceFileWith(path: string, fill: (file: FileHandle) => Promise<void>): Promise<void> {
  const before = await statIfThere(path);
  if (before === undefined) return replaceBeside(await followLinks(path), undefined, fill);
  if (!before.isFile()) return writeToDevice(path, fill);
  await access(path, constants.W_OK);
  return replaceBeside(await realpath(path), before, fill);
}

/**
 * As `replaceFileWith`, for contents in memory. Where nothing can be put beside the file (its folder is not writable, its owner is another
 * user) and where it has further names, it is overwritten in place, and its old contents are put back if that fails.
 */
export async function replaceFile(path: string, content: Uint8Array | string): Promise<void> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const before = await statIfThere(path);
  if (before?.isFile() && before.nlink > 1) return overwrite(path, bytes);
  try {
    await replaceFileWith(path, (file) => writeAll(file, bytes));
  } catch (error) {
    if (!before?.isFile() || !NOT_BESIDE.has(errorCode(error) ?? '')) throw error;
    await overwrite(path, bytes);
  }
}
