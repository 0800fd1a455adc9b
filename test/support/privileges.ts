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
