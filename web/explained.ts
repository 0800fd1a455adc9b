import { UserError } from '../src/diagnostics/diagnostic.js';

/** What went wrong, in one line, where the user can help it; throws what is a mistake of the program. */
export function explained(error: unknown): string {
  const [first] = error instanceof UserError ? error.diagnostics : [];
  if (first === undefined) throw error;
  return [first.message, first.why, first.fix].filter((part) => part !== undefined && part !== '').join('. ');
}
