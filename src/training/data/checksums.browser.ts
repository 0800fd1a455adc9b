export { changedFile } from './changed-file.js';

/** What unpacks archives writes checksums, which a browser does not. */
export const compareChecksums = async (_folder: string, _names: readonly string[]): Promise<boolean> => false;
