/** A layout with choices, after Wadler's "A prettier printer": a group is printed on one line if it fits, else its lines break. */
export type Doc =
  | string
  | readonly Doc[]
  | { readonly kind: 'group'; readonly content: Doc; readonly breaks: Breaks }
  | { readonly kind: 'indent'; readonly content: Doc; readonly breaks: Breaks }
  /** `flat` on one line, else a line break. */
  | { readonly kind: 'line'; readonly flat: string }
  | { readonly kind: 'hardline' }
  /** An empty line, of which there is never more than one. */
  | { readonly kind: 'blank' }
  /** A comment after something on its line, or on a line of its own; the line ends after it. */
  | { readonly kind: 'comment'; readonly text: string; readonly trailing: boolean };

export const line: Doc = { kind: 'line', flat: ' ' };
export const wideLine: Doc = { kind: 'line', flat: '  ' };
export const softline: Doc = { kind: 'line', flat: '' };
export const hardline: Doc = { kind: 'hardline' };
export const blank: Doc = { kind: 'blank' };

export function group(...content: readonly Doc[]): Doc {
  return { kind: 'group', content, breaks: breaksOf(content) };
}

export function indent(...content: readonly Doc[]): Doc {
  return { kind: 'indent', content, breaks: breaksOf(content) };
}

export function comment(text: string, trailing: boolean): Doc {
  return { kind: 'comment', text: text.trimEnd(), trailing };
}

/**
 * `inside`: holds something that cannot be on one line. `ends`: its last item is a trailing comment, which breaks what encloses it only if
 * more follows. `empty`: prints nothing.
 */
type Breaks = 'none' | 'empty' | 'ends' | 'inside';

function breaksOf(doc: Doc): Breaks {
  if (typeof doc === 'string') return doc === '' ? 'empty' : 'none';
  if (isList(doc)) {
    let state: Breaks = 'empty';
    for (const item of doc) {
      const next = breaksOf(item);
      if (next === 'empty') continue;
      if (next === 'inside' || state === 'ends') return 'inside';
      state = next;
    }
    return state;
  }
  if (doc.kind === 'group' || doc.kind === 'indent') return doc.breaks;
  if (doc.kind === 'line') return 'none';
  return doc.kind === 'comment' && doc.trailing ? 'ends' : 'inside';
}

function isList(doc: Doc): doc is readonly Doc[] {
  return Array.isArray(doc);
}

interface Command {
  readonly indent: number;
  readonly flat: boolean;
  readonly doc: Doc;
}

/** Whether `first` and what follows it up to the next line break take at most `width` columns. */
function fits(first: Command, rest: readonly Command[], width: number): boolean {
  let left = width;
  let next = rest.length;
  const stack: Command[] = [first];
  while (left >= 0) {
    const command = stack.pop() ?? rest[--next];
    if (command === undefined) return true;
    const { doc, flat } = command;
    if (typeof doc === 'string') left -= doc.length;
    else if (isList(doc)) for (let i = doc.length - 1; i >= 0; i--) stack.push({ ...command, doc: doc[i]! });
    else if (doc.kind === 'group') stack.push({ ...command, flat: flat && doc.breaks !== 'inside', doc: doc.content });
    else if (doc.kind === 'indent') stack.push({ ...command, doc: doc.content });
    else if (doc.kind === 'line' && flat) left -= doc.flat.length;
    else return true;
  }
  return false;
}

interface Line {
  code: string;
  /** Whether `code` is nothing but spaces: asked for every word, and the code of a line may be long. */
  blank: boolean;
  comment: string;
}

function startLine(columns: number): Line {
  return { code: ' '.repeat(columns), blank: true, comment: '' };
}

/** Lays `doc` out in `width` columns. Comments at the ends of consecutive lines are aligned and do not count against the width. */
export function printDoc(doc: Doc, width: number): string {
  const lines: Line[] = [];
  let current = startLine(0);
  let mustBreak = false;
  const empty = () => isBlank(current);
  const newline = (columns: number) => {
    lines.push(current);
    current = startLine(columns);
    mustBreak = false;
  };
  const stack: Command[] = [{ indent: 0, flat: false, doc }];
  for (let command = stack.pop(); command !== undefined; command = stack.pop()) {
    const { indent: columns, flat, doc: item } = command;
    if (typeof item === 'string') {
      if (item === '') continue;
      if (mustBreak) newline(columns);
      // No space at the start of a line that a comment has forced.
      const text = current.blank ? item.trimStart() : item;
      current.code += text;
      if (text !== '') current.blank = false;
    } else if (isList(item)) {
      for (let i = item.length - 1; i >= 0; i--) stack.push({ ...command, doc: item[i]! });
    } else if (item.kind === 'group') {
      const candidate = { indent: columns, flat: true, doc: item.content };
      const isFlat = item.breaks !== 'inside' && (flat || fits(candidate, stack, width - current.code.length));
      stack.push({ ...candidate, flat: isFlat });
    } else if (item.kind === 'indent') {
      stack.push({ ...command, indent: columns + 2, doc: item.content });
    } else if (item.kind === 'line' && flat) {
      current.code += item.flat;
    } else if (item.kind === 'line' || item.kind === 'hardline') {
      newline(columns);
    } else if (item.kind === 'blank') {
      if (!empty() || mustBreak) newline(0);
      if (lines.length > 0 && !isBlank(lines.at(-1)!)) newline(columns);
      current.code = ' '.repeat(columns);
    } else if (item.trailing && !mustBreak && !empty()) {
      current.comment = item.text;
      mustBreak = true;
    } else {
      if (mustBreak || !empty()) newline(columns);
      current = { code: ' '.repeat(columns) + item.text, blank: false, comment: '' };
      mustBreak = true;
    }
  }
  lines.push(current);
  return `${alignComments(lines).join('\n').trim()}\n`;
}

function isBlank(item: Line): boolean {
  return item.blank && item.comment === '';
}

function alignComments(lines: readonly Line[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < lines.length; ) {
    let end = i;
    while (end < lines.length && lines[end]!.comment !== '') end++;
    const column = Math.max(0, ...lines.slice(i, end).map((item) => item.code.trimEnd().length)) + 2;
    for (; i < end; i++) out.push(lines[i]!.code.trimEnd().padEnd(column) + lines[i]!.comment);
    if (i < lines.length) out.push(lines[i++]!.code.trimEnd());
  }
  return out;
}
