import { showCharacters } from './characters.js';
import type { Diagnostic, RelatedSpan, Severity, Source, Span } from './diagnostic.js';
import { LineIndex } from './lines.js';

export interface RenderOptions {
  /** ANSI colours, for a terminal. */
  readonly color?: boolean;
}

type Style = Severity | 'frame' | 'strong' | 'fix';
type Paint = (style: Style, text: string) => string;

const ANSI: Readonly<Record<Style, string>> = { error: '1;31', warning: '1;33', hint: '1;36', frame: '34', strong: '1', fix: '32' };

function painter(color: boolean): Paint {
  return color ? (style, text) => (text === '' ? '' : `\u001b[${ANSI[style]}m${text}\u001b[0m`) : (_style, text) => text;
}

interface Mark {
  readonly line: number;
  /** Zero-based columns of the line's text, end exclusive. */
  readonly from: number;
  readonly to: number;
  readonly primary: boolean;
  readonly label: string;
}

/** Longest part of a line that a frame shows, and how much of it stands before the first mark. */
const MAX_COLUMNS = 160;
const COLUMNS_BEFORE = 60;

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}]|[\u{20000}-\u{3fffd}]/u;

/** A source line as a terminal may safely show it: tabs as two spaces, what else cannot be seen by its code point. */
function displayText(text: string): string {
  return showCharacters(text.replaceAll('\t', '  '), (codePoint) => `<${codePoint}>`);
}

function displayWidth(text: string): number {
  let width = 0;
  for (const character of displayText(text)) width += WIDE.test(character) ? 2 : 1;
  return width;
}

function markOf(index: LineIndex, span: Span, primary: boolean, label: string): Mark {
  const { first, last } = index.lines(span);
  const from = first.column - 1;
  const to = last.line === first.line ? last.column : index.line(first.line).length;
  return { line: first.line, from, to: span.end === span.start ? from : Math.max(from + 1, to), primary, label };
}

interface Excerpt {
  readonly text: string;
  /** Column of the line at which `text` starts. */
  readonly start: number;
}

/** The part of a line that is shown: all of it, or what is around the first mark of a very long one. */
function excerpt(line: string, marks: readonly Mark[]): Excerpt {
  const start = line.length <= MAX_COLUMNS ? 0 : Math.max(0, (marks[0]?.from ?? 0) - COLUMNS_BEFORE);
  // Half of a character at an end of the excerpt would be shown as something that is not in the text.
  const text = line
    .slice(start, start + MAX_COLUMNS)
    .replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, (half) => (line.length > MAX_COLUMNS ? ' ' : half));
  return { text, start };
}

function underline(mark: Mark, { text, start }: Excerpt): string | undefined {
  const from = mark.from - start;
  if (from < 0 || from > text.length) return undefined;
  const width = mark.to === mark.from ? 1 : Math.max(1, displayWidth(text.slice(from, mark.to - start)));
  return ' '.repeat(displayWidth(text.slice(0, from)) + (start > 0 ? 1 : 0)) + (mark.primary ? '^' : '-').repeat(width);
}

function frame(marks: readonly Mark[], index: LineIndex, severity: Severity, gutter: number, paint: Paint): string[] {
  const bar = (left: string) => paint('frame', `${left.padStart(gutter)} |`);
  const row = (line: number, shown: Excerpt) => `${bar(String(line))} ${shown.start > 0 ? '…' : ''}${displayText(shown.text)}`.trimEnd();
  const out = [bar('')];
  const lines = [...new Set(marks.map((mark) => mark.line))].sort((a, b) => a - b);
  let previous: number | undefined;
  for (const line of lines) {
    if (previous !== undefined && line === previous + 2) out.push(row(previous + 1, excerpt(index.line(previous + 1), [])));
    else if (previous !== undefined && line > previous + 2) out.push(paint('frame', '...'));
    const here = marks.filter((mark) => mark.line === line).sort((a, b) => Number(b.primary) - Number(a.primary) || a.from - b.from);
    const shown = excerpt(index.line(line), here);
    out.push(row(line, shown));
    for (const mark of here) {
      const marked = underline(mark, shown);
      if (marked === undefined) continue;
      const indent = marked.length - marked.trimStart().length;
      const labelled = mark.label === '' ? marked.trimStart() : `${marked.trimStart()} ${displayText(mark.label)}`;
      out.push(`${bar('')} ${' '.repeat(indent)}${paint(mark.primary ? severity : 'frame', labelled)}`);
    }
    previous = line;
  }
  return out;
}

type Elsewhere = RelatedSpan & { readonly source: Source };

/** Places in the diagnostic's own file, and in others. */
function splitRelated(related: readonly RelatedSpan[]): readonly [readonly RelatedSpan[], readonly Elsewhere[]] {
  const isElsewhere = (part: RelatedSpan): part is Elsewhere => part.source !== undefined;
  return [related.filter((part) => !isElsewhere(part)), related.filter(isElsewhere)];
}

/** A diagnostic as a person reads it: headline, place, code frame with the span underlined, why and fix. Ends without a line break. */
export function renderDiagnostic(diagnostic: Diagnostic, given?: Source | LineIndexedSource, options: RenderOptions = {}): string {
  const source: Source | LineIndexedSource | undefined = diagnostic.source ?? given;
  const paint = painter(options.color ?? false);
  const { severity, span } = diagnostic;
  const out = [`${paint(severity, `${severity}[${diagnostic.code}]`)}${paint('strong', `: ${displayText(diagnostic.message)}`)}`];
  let gutter = 0;
  if (source !== undefined && span !== undefined) {
    const index = isIndexed(source) ? source.index : new LineIndex(source.text);
    const [here, elsewhere] = splitRelated(diagnostic.related ?? []);
    const marks = [markOf(index, span, true, ''), ...here.map((r) => markOf(index, r.span, false, r.message))];
    gutter = String(Math.max(...marks.map((mark) => mark.line))).length;
    const { line, column } = index.position(span.start);
    out.push(`${' '.repeat(gutter)}${paint('frame', '-->')} ${displayText(source.path)}:${line}:${column}`);
    out.push(...frame(marks, index, severity, gutter, paint));
    for (const { source: other, span: at, message } of elsewhere) {
      const lines = new LineIndex(other.text);
      const place = lines.position(at.start);
      out.push(`${' '.repeat(gutter)}${paint('frame', ':::')} ${displayText(other.path)}:${place.line}:${place.column}`);
      out.push(...frame([markOf(lines, at, false, message)], lines, severity, gutter, paint));
    }
  } else if (source !== undefined) {
    out.push(`${paint('frame', '-->')} ${displayText(source.path)}`);
  }
  const note = (name: 'why' | 'fix', text: string) => {
    const prefix = `${' '.repeat(gutter)} = ${name}: `;
    const [first, ...rest] = text.split('\n').map(displayText);
    out.push(`${paint('frame', `${' '.repeat(gutter)} =`)} ${paint(name === 'fix' ? 'fix' : 'strong', `${name}:`)} ${first}`);
    for (const line of rest) out.push(`${' '.repeat(prefix.length)}${line}`.trimEnd());
  };
  if (diagnostic.why !== undefined) note('why', diagnostic.why);
  if (diagnostic.fix !== undefined) note('fix', diagnostic.fix);
  return out.join('\n');
}

function isIndexed(source: Source | LineIndexedSource): source is LineIndexedSource {
  return 'index' in source;
}

/** A source whose lines are already indexed, for rendering many diagnostics of one file. */
export interface LineIndexedSource extends Source {
  readonly index: LineIndex;
}

/** All diagnostics of one source, in source order, separated by blank lines, with a count at the end when there are several. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], source?: Source, options: RenderOptions = {}): string {
  const indexed = source && { ...source, index: new LineIndex(source.text) };
  const parts = sortDiagnostics(diagnostics).map((diagnostic) => renderDiagnostic(diagnostic, indexed, options));
  if (diagnostics.length > 1) parts.push(countDiagnostics(diagnostics));
  return parts.join('\n\n');
}

/** By place in the source; those without a place last. Stable. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const key = (d: Diagnostic) => d.span?.start ?? Number.POSITIVE_INFINITY;
  // Those of files that are used stay together, behind those of the file itself.
  const file = (d: Diagnostic) => d.source?.path ?? '';
  return [...diagnostics].sort((a, b) => {
    if (file(a) !== file(b)) return file(a) < file(b) ? -1 : 1;
    return key(a) === key(b) ? 0 : key(a) - key(b);
  });
}

function countDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const count = (severity: Severity) => {
    const n = diagnostics.filter((found) => found.severity === severity).length;
    return n === 0 ? [] : [`${n} ${severity}${n === 1 ? '' : 's'}`];
  };
  return [...count('error'), ...count('warning'), ...count('hint')].join(', ');
}
