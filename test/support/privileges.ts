import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

/** The user that owns nothing. */
export const NOBODY = 65_534;

/** Runs `work` with the rights of a user that owns nothing: root may read everything. As another user than root, with its own. */
export async function withoutPrivileges<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work();
  process.setegid!(NOBODY);
  process.seteuid!(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid!(0);
    process.setegid!(0);
  }
}

/**
 * Why a user that owns nothing cannot run ampc here: it may not enter the checkout, or the folder of temporary files. Undefined when it
 * can.
 */
export function whyPrivilegesStay(): string | undefined {
  if (process.getuid?.() !== 0) return undefined;
  process.seteuid!(NOBODY);
  try {
    for (const folder of [fileURLToPath(new URL('../../src', import.meta.url)), tmpdir()]) {
      try {
        readdirSync(folder);
      } catch {
        return `another user may not enter ${folder}`;
      }
    }
    return undefined;
  } finally {
    process.seteuid!(0);
  }
}
