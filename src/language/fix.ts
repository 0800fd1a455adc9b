import type { Diagnostic, Source, TextEdit } from '../diagnostics/diagnostic.js';
import { applyEdits } from '../diagnostics/fixes.js';
import { checkSource } from '../lower/lower.js';

/** One fix may uncover the next mistake; more rounds than this are no fixing. */
const MAX_ROUNDS = 20;

export interface Fixed {
  readonly text: string;
  /** The findings whose changes were made, in the order in which they were. */
  readonly fixed: readonly Diagnostic[];
}

/** Whether a change touches one of those that are made already. */
function overlaps({ start, end }: TextEdit, others: readonly TextEdit[]): boolean {
  return others.some((other) => (start < other.end && other.start < end) || (start === other.start && end === other.end));
}

function errorsOf(diagnostics: readonly Diagnostic[]): number {
  return diagnostics.filter(({ severity }) => severity === 'error').length;
}

/**
 * Makes the changes that fix what is wrong with a source, as long as there are some and each leaves fewer mistakes; those of files that it
 * uses are theirs.
 */
export function fixSource(source: Source): Fixed {
  let { text } = source;
  let diagnostics = checkSource(source);
  const fixed: Diagnostic[] = [];
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const fixable = diagnostics.filter((found) => found.source === undefined && (found.edits?.length ?? 0) > 0);
    const taken: Diagnostic[] = [];
    const edits: TextEdit[] = [];
    for (const found of fixable) {
      if (found.edits!.some((edit) => overlaps(edit, edits))) continue;
      taken.push(found);
      edits.push(...found.edits!);
    }
    const made = [taken, ...taken.map((found) => [found])].find((some) => {
      const changed = applyEdits(
        text,
        some.flatMap(({ edits: own = [] }) => own),
      );
      const left = checkSource({ ...source, text: changed });
      if (some.length === 0 || errorsOf(left) >= errorsOf(diagnostics)) return false;
      text = changed;
      diagnostics = left;
      return true;
    });
    if (made === undefined) break;
    fixed.push(...made);
  }
  return { text, fixed };
}
