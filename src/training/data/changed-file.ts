import { userError } from '../../diagnostics/diagnostic.js';

/** A data file whose bytes are not the right ones. */
export function changedFile(path: string, why: string): Error {
  return userError(
    'AMP7015',
    `${path} was changed`,
    why,
    'name another folder with --data, or move this one away and run `ampc data fetch`',
  );
}
