import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Whether nobody but this user (and root) can write to what has these properties. */
export function isOwn({ uid, mode }: { readonly uid: number; readonly mode: number }): boolean {
  return process.platform === 'win32' || (uid === process.getuid?.() && (mode & 0o022) === 0);
}

/**
 * A file of a cache: its bytes, or undefined when it is not there, cannot be read, or is nothing to trust: a link, no regular file, another
 * user's, or writable for others. The bytes are those of the very file whose owner was looked at.
 */
export async function readOwnFile(path: string): Promise<Buffer | undefined> {
  try {
    // Without O_NONBLOCK a pipe of that name would be waited for.
    const handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
    try {
      const found = await handle.stat();
      return found.isFile() && isOwn(found) ? await handle.readFile() : undefined;
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}
