import type { Diagnostic, Severity, Source, Span } from './diagnostic.js';
import { LineIndex, type Position } from './lines.js';

/** A finding as plain data, with places as lines and columns, both from 1. */
export interface DiagnosticData {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  /** The file that it is about; null where it is about none. */
  readonly file: string | null;
  /** Where it begins, and the place behind its end; null where it is about no place in a text. */
  readonly start: Position | null;
  readonly end: Position | null;
  readonly why: string | null;
  readonly fix: string | null;
  /** Changes of the text that do what `fix` says, all together; empty where that is no text to write. */
  readonly edits: readonly { readonly start: Position; readonly end: Position; readonly text: string }[];
  readonly related: readonly { readonly message: string; readonly file: string | null; readonly start: Position; readonly end: Position }[];
}

function placeIn(source: Source, { start, end }: Span): { readonly start: Position; readonly end: Position } {
  const lines = new LineIndex(source.text);
  return { start: lines.position(start), end: lines.position(end) };
}

/** A finding about a source, as data for programs. */
export function diagnosticData(diagnostic: Diagnostic, of: Source | undefined): DiagnosticData {
  const { code, severity, message, span, why, fix, related = [], edits = [] } = diagnostic;
  const source = diagnostic.source ?? of;
  const place = source !== undefined && span !== undefined ? placeIn(source, span) : undefined;
  return {
    code,
    severity,
    message,
    file: source?.path ?? null,
    start: place?.start ?? null,
    end: place?.end ?? null,
    why: why ?? null,
    fix: fix ?? null,
    edits: source === undefined ? [] : edits.map(({ text, ...place }) => ({ ...placeIn(source, place), text })),
    related: related.flatMap((other) => {
      const where = other.source ?? source;
      return where === undefined ? [] : [{ message: other.message, file: where.path, ...placeIn(where, other.span) }];
    }),
  };
}
