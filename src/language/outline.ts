import type { IToken } from 'chevrotain';
import type { Span } from '../diagnostics/diagnostic.js';
import { LINES } from '../lower/lines.js';
import type { Body, Section, Stage } from '../parser/ast.js';
import * as t from '../parser/tokens.js';
import type { Analysis } from './analysis.js';

export interface OutlineItem {
  readonly name: string;
  readonly kind: 'section' | 'model' | 'block' | 'value' | 'layer' | 'setting';
  readonly span: Span;
  readonly nameSpan: Span;
  readonly children: readonly OutlineItem[];
}

function layersOf(stages: readonly Stage[]): readonly OutlineItem[] {
  return stages.flatMap((stage): readonly OutlineItem[] => {
    if (stage.kind === 'if-stage')
      return [...stage.branches.flatMap((branch) => layersOf(branch.stages)), ...layersOf(stage.otherwise ?? [])];
    const span = { start: stage.span.start, end: Math.max(stage.span.end, stage.label?.span.end ?? 0) };
    const children = stage.kind === 'repeat' ? layersOf(stage.stages) : [];
    if (stage.label === undefined || stage.label.text === '') return children;
    return [{ name: stage.label.text, kind: 'layer', span, nameSpan: stage.label.span, children }];
  });
}

function bodyItems({ lets, result }: Body): readonly OutlineItem[] {
  const values = lets.flatMap((item) => {
    const children = item.value.kind === 'pipeline' ? layersOf(item.value.stages) : [];
    return item.names
      .filter(({ text }) => text !== '')
      .map((name): OutlineItem => ({ name: name.text, kind: 'value', span: item.span, nameSpan: name.span, children }));
  });
  return [...values, ...(result?.kind === 'pipeline' ? layersOf(result.stages) : [])];
}

function sectionItems(section: Section): readonly OutlineItem[] {
  const { span } = section;
  const head = { start: span.start, end: Math.min(span.end, span.start + section.kind.length) };
  switch (section.kind) {
    case 'let':
      return section.names
        .filter(({ text }) => text !== '')
        .map((name) => ({ name: name.text, kind: 'value', span, nameSpan: name.span, children: [] }));
    case 'use':
      return [{ name: `use ${section.path.text}`, kind: 'section', span, nameSpan: head, children: [] }];
    case 'block':
    case 'model':
      return [
        {
          name: section.name.text || section.kind,
          kind: section.kind,
          span,
          nameSpan: section.name.text === '' ? head : section.name.span,
          children: bodyItems(section.body),
        },
      ];
    default: {
      const children = section.items.map((item): OutlineItem => {
        const name = 'pattern' in item ? `${LINES[item.kind].word} ${item.pattern.text}` : item.name.text || item.kind;
        return { name, kind: 'setting', span: item.span, nameSpan: { start: item.span.start, end: item.span.start + 1 }, children: [] };
      });
      return [
        {
          name: section.kind === 'dataset' ? `dataset ${section.name.text}` : section.kind,
          kind: 'section',
          span,
          nameSpan: head,
          children,
        },
      ];
    }
  }
}

/** The sections of a file with what is named in them. */
export function outline({ parsed }: Analysis): readonly OutlineItem[] {
  return parsed.file.sections.flatMap(sectionItems);
}

/** What can be folded: braces, brackets and parentheses over several lines, and comments one below the other. */
export function foldings({
  parsed,
  lines,
}: Analysis): readonly { readonly first: number; readonly last: number; readonly isComment: boolean }[] {
  const found: { first: number; last: number; isComment: boolean }[] = [];
  const open: IToken[] = [];
  const lineOf = (offset: number) => lines.position(offset).line;
  for (const token of parsed.tokens) {
    const { tokenType: type } = token;
    if (type === t.LeftBrace || type === t.LeftParen || type === t.LeftBracket) open.push(token);
    else if (type === t.RightBrace || type === t.RightParen || type === t.RightBracket) {
      const opener = open.pop();
      const [first, last] = [lineOf(opener?.startOffset ?? 0), lineOf(token.startOffset) - 1];
      if (opener !== undefined && last > first) found.push({ first, last, isComment: false });
    }
  }
  let start: number | undefined;
  let previous = -1;
  for (const { startOffset } of [...parsed.comments, { startOffset: Number.NaN }]) {
    const line = Number.isNaN(startOffset) ? -1 : lineOf(startOffset);
    if (line !== previous + 1 || start === undefined) {
      if (start !== undefined && previous > start) found.push({ first: start, last: previous, isComment: true });
      start = line;
    }
    previous = line;
  }
  return found;
}
