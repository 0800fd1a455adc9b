import type { DataFacts } from '../datasets/source.js';

/** A half-open range of UTF-16 offsets in one source text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A mistake; what is known to go wrong; what could be left out and does no harm. */
export type Severity = 'error' | 'warning' | 'hint';

/** A second place that a diagnostic points at: "declared here". */
export interface RelatedSpan {
  readonly span: Span;
  /** Where it is in another file than the diagnostic. */
  readonly source?: Source;
  readonly message: string;
}

/** A change of a text: what stands at a place is replaced. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** One finding about the user's input: what is wrong, where, why, and what to do. */
export interface Diagnostic {
  /** Stable identifier, e.g. `AMP2001`; listed in docs/diagnostics.md. */
  readonly code: string;
  readonly severity: Severity;
  /** What is wrong, one sentence, no trailing period. */
  readonly message: string;
  readonly span?: Span;
  /** Why it is wrong (the rule that it breaks). */
  readonly why?: string;
  /** What the user can do about it. */
  readonly fix?: string;
  /** The changes of the text that do what `fix` says, where that is a text to write; all of them together. */
  readonly edits?: readonly TextEdit[];
  readonly related?: readonly RelatedSpan[];
  /** Of a place in another file than the one that was given: a file that it uses. */
  readonly source?: Source;
}

/** A file that a source uses; `name`: its path from the source's folder, or that of the library. */
export interface UsedText {
  readonly name: string;
  readonly path: string;
  readonly text: string;
}

/** A source text with the name that diagnostics show for it. */
export interface Source {
  readonly path: string;
  readonly text: string;
  /** The files that it uses, as they were when they were read; those that are not here are read where they are. */
  readonly used?: readonly UsedText[];
  /** Of its data set, where that lies in files: what was found there before, and where to look instead of where the text says. */
  readonly data?: { readonly path?: string | undefined; readonly facts?: DataFacts | undefined };
}

/**
 * Carries diagnostics about the user's input or environment to the command line, which prints them and exits 1.
 * Anything else that is thrown is a bug in ampc.
 */
export class UserError extends Error {
  readonly diagnostics: readonly Diagnostic[];
  readonly source: Source | undefined;

  constructor(diagnostics: readonly Diagnostic[], source?: Source) {
    super(diagnostics.map((d) => `${d.code}: ${d.message}`).join('\n'));
    this.name = 'UserError';
    this.diagnostics = diagnostics;
    this.source = source;
  }
}

/** Shorthand for the common case: one error that has no place in a source text. */
export function userError(code: string, message: string, why?: string, fix?: string): UserError {
  return new UserError([{ code, severity: 'error', message, why, fix }]);
}
