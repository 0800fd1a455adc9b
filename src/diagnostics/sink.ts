import type { FrontEndCode } from './codes.js';
import type { Diagnostic, Span } from './diagnostic.js';

/** Marks what is not in the source text, such as the value of an override: diagnostics about it have no place. */
export const NO_SPAN: Span = { start: -1, end: -1 };

/** Nobody reads more, and a file of garbage has thousands. */
const MAX_DIAGNOSTICS = 100;

/** Collects diagnostics; the same code at the same place is kept once, so a block that is lowered ten times complains once. */
export class DiagnosticSink {
  private seen = new Set<string>();
  private list: Diagnostic[] = [];

  get diagnostics(): readonly Diagnostic[] {
    return this.list;
  }

  /** Whether nothing more is kept, so that nothing more need be found out for it. */
  get isFull(): boolean {
    return this.list.length >= MAX_DIAGNOSTICS;
  }

  get hasErrors(): boolean {
    return this.list.some((d) => d.severity === 'error');
  }

  add(found: Diagnostic): void {
    if (this.isFull) return;
    const nowhere = found.span !== undefined && found.span.start < 0;
    const diagnostic = nowhere ? { ...found, span: undefined, related: undefined, edits: undefined } : found;
    const key = `${diagnostic.code}:${diagnostic.span?.start}:${diagnostic.span?.end}${diagnostic.span ? '' : diagnostic.message}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.list.push(diagnostic);
  }

  /** The result of `run`, or undefined, with nothing kept of what it reported, when it reported an error. */
  attempt<T>(run: () => T): T | undefined {
    const [seen, list] = [this.seen, this.list];
    [this.seen, this.list] = [new Set(seen), [...list]];
    let kept = false;
    try {
      const result = run();
      kept = this.list.slice(list.length).every(({ severity }) => severity !== 'error');
      return kept ? result : undefined;
    } finally {
      if (!kept) [this.seen, this.list] = [seen, list];
    }
  }

  /** The result of `run`, with nothing kept of what it reported. */
  unheard<T>(run: () => T): T {
    const [seen, list] = [this.seen, this.list];
    [this.seen, this.list] = [new Set(seen), [...list]];
    try {
      return run();
    } finally {
      [this.seen, this.list] = [seen, list];
    }
  }

  error(
    code: FrontEndCode,
    span: Span | undefined,
    message: string,
    rest: Pick<Diagnostic, 'why' | 'fix' | 'related' | 'edits'> = {},
  ): void {
    this.add({ code, severity: 'error', message, span, ...rest });
  }

  warning(
    code: FrontEndCode,
    span: Span | undefined,
    message: string,
    rest: Pick<Diagnostic, 'why' | 'fix' | 'related' | 'edits'> = {},
  ): void {
    this.add({ code, severity: 'warning', message, span, ...rest });
  }
}
