import { type UserError, userError } from '../diagnostics/diagnostic.js';

/** What a browser has no part for. */
export function notInBrowser(what: string, fix: string): UserError {
  return userError('AMP6061', `${what} cannot be used in a browser`, 'that part of ampc needs Node', fix);
}
