import type { Diagnostic, Span, TextEdit } from './diagnostic.js';
import { closest, suggestion } from './suggest.js';

/** What to do, and the change of the text that does it. */
export type Fix = Pick<Diagnostic, 'fix' | 'edits'>;

/** "write `64`": in the place of what stands at `span`. */
export function writeInstead(span: Span, text: string): Fix {
  return { fix: `write \`${text}\``, edits: [{ ...span, text }] };
}

/** "did you mean `conv2d`?" `shown`: what is shown of the text, such as a pattern without its quotes. */
export function didYouMean(span: Span, text: string, shown = text): Fix {
  return { fix: `did you mean \`${shown}\`?`, edits: [{ ...span, text }] };
}

/** As `suggestion`, with the change where there is one name that was meant. `quoted`: the name stands in quotes, which stay. */
export function suggestName(
  { text, span }: { readonly text: string; readonly span: Span },
  candidates: readonly string[],
  nouns: Parameters<typeof suggestion>[2],
): Fix {
  const near = closest(text, candidates);
  return near === undefined ? { fix: suggestion(text, candidates, nouns) } : didYouMean(span, near);
}

/** The place of a pattern's text, within its quotes if it has any. */
export function withinQuotes({ start, end }: Span, quoted: boolean): Span {
  return quoted ? { start: start + 1, end: end - 1 } : { start, end };
}

/** The text with changes that do not overlap. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  const ordered = [...edits].sort((a, b) => b.start - a.start || b.end - a.end);
  return ordered.reduce((changed, { start, end, text: written }) => changed.slice(0, start) + written + changed.slice(end), text);
}
