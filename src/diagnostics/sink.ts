import type { FrontEndCode } from './codes.js';
import type { Diagnostic, Span } from './diagnostic.js';

/** Collects diagnostics; the same code at the same place is kept once, so a block that is lowered ten times complains once. */
export class DiagnosticSink {
  private readonly seen = new Set<string>();
  private readonly list: Diagnostic[] = [];

  get diagnostics(): readonly Diagnostic[] {
    return this.list;
  }

  get hasErrors(): boolean {
    return this.list.some((d) => d.severity === 'error');
  }

  add(diagnostic: Diagnostic): void {
    const key = `${diagnostic.code}:${diagnostic.span?.start}:${diagnostic.span?.end}${diagnostic.span ? '' : diagnostic.message}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.list.push(diagnostic);
  }

  error(code: FrontEndCode, span: Span | undefined, message: string, rest: Pick<Diagnostic, 'why' | 'fix' | 'related'> = {}): void {
    this.add({ code, severity: 'error', message, span, ...rest });
  }

  warning(code: FrontEndCode, span: Span | undefined, message: string, rest: Pick<Diagnostic, 'why' | 'fix' | 'related'> = {}): void {
    this.add({ code, severity: 'warning', message, span, ...rest });
  }
}
