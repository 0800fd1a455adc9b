import type { Diagnostic, Span } from '../diagnostics/diagnostic.js';
import { LineIndex } from '../diagnostics/lines.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import type { Modules } from './modules.js';

const UNREADABLE = new Set(['AMP1001', 'AMP1003']);

/** Diagnostics with the places that their files have. */
export function placed(found: readonly Diagnostic[], modules: Modules): readonly Diagnostic[] {
  return found.map((diagnostic) => modules.place(diagnostic));
}

/** Errors, each in its file, without what a line is said to mean in which there is something that cannot be read. */
export function mistakes(errors: readonly Diagnostic[], modules: Modules): readonly Diagnostic[] {
  const found = placed(errors, modules);
  if (!found.some(({ code }) => UNREADABLE.has(code))) return found;
  const indices = new Map<string, LineIndex>();
  const lineOf = ({ span, source = modules.main }: Diagnostic): string | undefined => {
    if (span === undefined) return undefined;
    const index = indices.get(source.path) ?? new LineIndex(source.text);
    indices.set(source.path, index);
    return `${source.path}:${index.position(span.start).line}`;
  };
  const unreadable = new Set(found.filter(({ code }) => UNREADABLE.has(code)).map(lineOf));
  return found.filter((error) => error.code.startsWith('AMP1') || error.span === undefined || !unreadable.has(lineOf(error)));
}

/** Whether what stands there has an error, so that it does not mean what it says. */
export function hasErrorIn(place: Span | undefined, sink: DiagnosticSink): boolean {
  if (place === undefined) return false;
  const errors = sink.diagnostics.filter(({ severity }) => severity === 'error');
  return errors.some(({ span }) => span !== undefined && span.start >= place.start && span.end <= place.end);
}
