import type { Span, TextEdit } from '../diagnostics/diagnostic.js';
import { matchesLayer } from '../ir/pattern.js';
import type { CallStage } from '../parser/ast.js';
import { formatAmp } from '../parser/format.js';
import type { Analysis } from './analysis.js';

/** Layers that are kept by name; more are not listed one by one. */
const MAX_LINES = 8;

function written(pattern: string): string {
  return /^[A-Za-z_]\w*$/.test(pattern) ? pattern : `"${pattern}"`;
}

/** Patterns that mean these layers and no others of the model. */
function patternsOf(paths: readonly string[], all: readonly string[]): readonly string[] | undefined {
  if (paths.length === 1) return paths;
  const glob = `*.${paths[0]!.split('.').at(-1)!}`;
  const meant = all.filter((path) => matchesLayer(glob, path));
  if (meant.length === paths.length && meant.every((path) => paths.includes(path))) return [glob];
  return paths.length <= MAX_LINES ? paths : undefined;
}

/** The change that keeps a stage's layers in fp32; undefined where it has none, or too many. */
export function keepInFp32(
  analysis: Analysis,
  stage: CallStage,
): { readonly layers: readonly string[]; readonly edits: readonly TextEdit[] } | undefined {
  const paths = [...new Set((analysis.stages.get(stage.span.start) ?? []).map(({ path }) => path))].filter((path) => path !== '');
  if (paths.length === 0) return undefined;
  const all = [...new Set([...analysis.stages.values()].flatMap((traces) => traces.map(({ path }) => path)))];
  const patterns = patternsOf(paths, all);
  return (
    patterns && {
      layers: patterns,
      edits: [
        keepLines(
          analysis,
          patterns.map((pattern) => `keep ${written(pattern)} in fp32`),
        ),
      ],
    }
  );
}

function keepLines({ parsed, source }: Analysis, lines: readonly string[]): TextEdit {
  const { text } = source;
  const section = parsed.file.sections.find(({ kind }) => kind === 'precision');
  if (section?.kind !== 'precision') {
    const model = parsed.file.sections.findLast(({ kind }) => kind === 'model');
    const at = model?.span.end ?? text.length;
    const eol = text.includes('\r\n') ? '\r\n' : '\n';
    return { start: at, end: at, text: `${eol}${eol}precision {${eol}${lines.map((line) => `  ${line}${eol}`).join('')}}` };
  }
  const last = section.items.at(-1)?.span;
  const isOneLine = !/[\r\n]/.test(text.slice(section.span.start, section.span.end));
  const at = last?.end ?? text.indexOf('{', section.span.start) + 1;
  if (isOneLine) return { start: at, end: at, text: lines.map((line) => `  ${line}`).join('') };
  const indent = last === undefined ? '  ' : /[ \t]*$/.exec(text.slice(0, last.start))![0] || '  ';
  // A comment behind the last setting stays with it.
  const end = at + /^[^\r\n]*/.exec(text.slice(at))![0].length;
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  return { start: end, end, text: lines.map((line) => `${eol}${indent}${line}`).join('') };
}

/** The changes that bring a text into the standard form, line by line; none where it has it. Throws UserError on syntax errors. */
export function formatEdits({ source }: Analysis, range?: Span): readonly TextEdit[] {
  const { text } = source;
  const crlf = text.includes('\r\n');
  const formatted = crlf ? formatAmp(source).replaceAll('\n', '\r\n') : formatAmp(source);
  if (formatted === text) return [];
  return lineEdits(text, formatted).filter(({ start, end }) => range === undefined || (start <= range.end && end >= range.start));
}

function linesOf(text: string): readonly string[] {
  return text.split(/(?<=\n)/);
}

/** Lines that are equal, of both texts, by the longest run that each has in common: small texts, and mostly equal. */
function lineEdits(before: string, after: string): readonly TextEdit[] {
  const [old, now] = [linesOf(before), linesOf(after)];
  const edits: TextEdit[] = [];
  let [i, j, offset] = [0, 0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && old[i] === now[j]) {
      offset += old[i]!.length;
      i++;
      j++;
      continue;
    }
    const [di, dj] = nextEqual(old, now, i, j);
    const removed = old.slice(i, i + di).join('');
    edits.push({ start: offset, end: offset + removed.length, text: now.slice(j, j + dj).join('') });
    offset += removed.length;
    i += di;
    j += dj;
  }
  return edits;
}

/** How many lines to leave on each side until two are equal again. */
function nextEqual(old: readonly string[], now: readonly string[], i: number, j: number): readonly [number, number] {
  const limit = Math.max(old.length - i, now.length - j);
  for (let sum = 1; sum <= 2 * Math.min(limit, 100); sum++) {
    for (let di = Math.min(sum, old.length - i); di >= 0 && sum - di <= now.length - j; di--) {
      const dj = sum - di;
      const same = old[i + di];
      if (same !== undefined && same === now[j + dj] && same.trim() !== '') return [di, dj];
    }
  }
  return [old.length - i, now.length - j];
}
