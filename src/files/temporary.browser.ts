/** What replace-file.browser.ts leaves when a page is closed. */
export const isTemporary = (name: string): boolean => name.endsWith('.part');

/** The next write of the same file takes its place. */
export async function removeTemporaries(): Promise<void> {}
