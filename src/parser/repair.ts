import type { IToken, TokenType } from 'chevrotain';
import type { Span } from '../diagnostics/diagnostic.js';
import { didYouMean } from '../diagnostics/fixes.js';
import { LineIndex } from '../diagnostics/lines.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { closest, listNames } from '../diagnostics/suggest.js';
import { createTokenInstance } from './chevrotain.js';
import * as t from './tokens.js';

/** Deepest nesting of brackets; the parser and the lowering recurse once a level. */
const MAX_DEPTH = 100;

const CLOSER = new Map<TokenType, TokenType>([
  [t.LeftBrace, t.RightBrace],
  [t.LeftParen, t.RightParen],
  [t.LeftBracket, t.RightBracket],
]);
const CLOSERS = new Set(CLOSER.values());
const NOT_IN_PARENS = new Set([t.Pipe, t.As, t.LetKeyword]);
/** Values that have braces. */
const HAS_BODY = new Set([t.If, t.Collect, t.Repeat]);
const STARTS_VALUE = new Set([t.Name, t.DatasetValue, t.NumberToken, t.StringToken, t.True, t.False]);
const ENDS_VALUE = new Set([...STARTS_VALUE, ...CLOSERS]);

export function spanOf(token: IToken): Span {
  return { start: token.startOffset, end: t.tokenEnd(token) };
}

function closingToken(type: TokenType, offset: number): IToken {
  return createTokenInstance(type, '', offset, offset, 1, 1, 1, 1);
}

function bracketOf(type: TokenType): string {
  return type.name.replaceAll("'", '`');
}

/**
 * Reports unbalanced brackets and unknown sections where they are, and returns tokens in which both are put right,
 * so that the parser goes on and finds the other mistakes. Undefined when the file is nested too deeply to parse.
 */
export function repairTokens(text: string, tokens: readonly IToken[], sink: DiagnosticSink): IToken[] | undefined {
  const balanced = balanceBrackets(text, tokens, sink);
  return balanced && nameSections(text, balanced, sink);
}

class Indents {
  private readonly lines: LineIndex;

  constructor(text: string) {
    this.lines = new LineIndex(text);
  }

  /** Columns of white space before the first token of the token's line. */
  of(token: IToken): number {
    return this.lines.line(this.lines.position(token.startOffset).line).search(/\S|$/);
  }
}

/** Whether nothing but blanks stands before a token on its line. */
export function startsLine(text: string, token: IToken): boolean {
  let before = token.startOffset - 1;
  while (before >= 0 && t.isBlankCharacter(text[before]!)) before--;
  return before < 0 || text[before] === '\n' || text[before] === '\r';
}

interface Open {
  readonly token: IToken;
  /** Index in the output. */
  readonly at: number;
}

/** The first half of `repairTokens`, for text that has no sections. */
export function balanceBrackets(text: string, tokens: readonly IToken[], sink: DiagnosticSink): IToken[] | undefined {
  const out: IToken[] = [];
  const open: Open[] = [];
  const surplus = tokens.reduce((n, token) => n + (token.tokenType === t.LeftBrace ? 1 : token.tokenType === t.RightBrace ? -1 : 0), 0);
  const indents = surplus > 0 ? new Indents(text) : undefined;

  const closeTop = () => {
    const { token, at } = open.pop()!;
    const place = token.tokenType === t.LeftBrace ? out.length : insertionPoint(out, at);
    const before = out[place - 1]!;
    const closer = CLOSER.get(token.tokenType)!;
    const end = t.tokenEnd(before);
    sink.error('AMP1004', spanOf(token), `this ${bracketOf(token.tokenType)} is never closed`, {
      why: 'every opening bracket needs its closing one',
      fix: `add the missing ${bracketOf(closer)}`,
      // On a line of its own: what stands behind may be a comment.
      edits: [{ start: end, end, text: `${closer === t.RightBrace ? '\n' : ''}${closer.name.replaceAll("'", '')}` }],
    });
    out.splice(place, 0, closingToken(CLOSER.get(token.tokenType)!, t.tokenEnd(before)));
  };

  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    const type = token.tokenType;
    if (open.length > 0 && isSectionStart(tokens, i) && startsLine(text, token)) while (open.length > 0) closeTop();
    if (CLOSER.has(type)) {
      open.push({ token, at: out.length });
      if (open.length > MAX_DEPTH) {
        sink.error('AMP1008', spanOf(token), `brackets are nested more than ${MAX_DEPTH} deep`, {
          fix: 'name parts of it with `let` or `block`',
        });
        return undefined;
      }
    } else if (CLOSERS.has(type)) {
      if (indents !== undefined && type === t.RightBrace && startsLine(text, token)) closeDeeperIndented(open, indents, token, closeTop);
      const match = open.findLastIndex((entry) => CLOSER.get(entry.token.tokenType) === type);
      if (match === -1) {
        sink.error('AMP1005', spanOf(token), `this ${bracketOf(type)} closes nothing`, {
          why: 'no bracket of its kind is open here',
          fix: 'remove it, or add the opening bracket',
        });
        continue;
      }
      while (open.length > match + 1) closeTop();
      open.pop();
    }
    out.push(token);
  }
  while (open.length > 0) closeTop();
  return out;
}

/** With a `}` missing somewhere, a `}` that stands left of the innermost `{` but in line with an outer one closes the outer one. */
function closeDeeperIndented(open: readonly Open[], indents: Indents, closer: IToken, closeTop: () => void): void {
  const indent = indents.of(closer);
  const outer = open.findLastIndex((entry) => entry.token.tokenType === t.LeftBrace && indents.of(entry.token) === indent);
  if (outer === -1) return;
  const deeper = open.slice(outer + 1).some((entry) => entry.token.tokenType === t.LeftBrace && indents.of(entry.token) > indent);
  if (deeper) while (open.length > outer + 1) closeTop();
}

function isSectionStart(tokens: readonly IToken[], i: number): boolean {
  const type = tokens[i]!.tokenType;
  if (type === t.LetKeyword || t.SECTION_KEYWORDS[tokens[i]!.image] !== type) return false;
  const next = tokens[i + 1]?.tokenType;
  return next === t.Name || next === t.LeftBrace;
}

/** Where the closing bracket of an open `(` or `[` most likely belongs: before the first token that cannot be inside it. */
function insertionPoint(out: readonly IToken[], opener: number): number {
  let depth = 0;
  let bodies = false;
  for (let i = opener + 1; i < out.length; i++) {
    const type = out[i]!.tokenType;
    if (HAS_BODY.has(type)) bodies = true;
    if (depth === 0 && type === t.LeftBrace && !bodies) return i;
    if (CLOSER.has(type)) depth++;
    else if (CLOSERS.has(type)) depth--;
    else if (depth === 0 && NOT_IN_PARENS.has(type)) return i;
    else if (depth === 0 && i > opener + 1 && STARTS_VALUE.has(type) && ENDS_VALUE.has(out[i - 1]!.tokenType)) return i;
  }
  return out.length;
}

/** At the top level a name that starts a line is a misspelt section: it is read as the nearest one, or left out with its braces. */
function nameSections(text: string, tokens: readonly IToken[], sink: DiagnosticSink): IToken[] {
  const out: IToken[] = [];
  const keywords = Object.keys(t.SECTION_KEYWORDS);
  let depth = 0;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (CLOSER.has(token.tokenType)) depth++;
    else if (CLOSERS.has(token.tokenType)) depth--;
    const previous = out.at(-1);
    const newSection = previous === undefined || ENDS_VALUE.has(previous.tokenType);
    if (depth > 0 || token.tokenType !== t.Name || !newSection || !startsLine(text, token)) {
      out.push(token);
      continue;
    }
    const near = closest(token.image, keywords) ?? begunWord(token, tokens[i + 1], keywords);
    sink.error('AMP1010', spanOf(token), `unknown section \`${token.image}\``, {
      why: `a file consists of the sections ${listNames(keywords, 'and')}`,
      ...(near === undefined ? { fix: 'remove it, or move it into a section' } : didYouMean(spanOf(token), near)),
    });
    if (near !== undefined)
      out.push({ ...token, tokenType: t.SECTION_KEYWORDS[near]!, tokenTypeIdx: t.SECTION_KEYWORDS[near]!.tokenTypeIdx! });
    else i = sectionEnd(text, tokens, i);
  }
  return out;
}

/** The one word of `keywords` that a name begins, where more than the name stands there. */
function begunWord({ image, endLine }: IToken, next: IToken | undefined, keywords: readonly string[]): string | undefined {
  const begun = keywords.filter((word) => image.length > 1 && word.startsWith(image));
  return begun.length === 1 && next !== undefined && next.startLine === endLine ? begun[0] : undefined;
}

/** Index of the last token of the unknown section that starts at `start`. */
function sectionEnd(text: string, tokens: readonly IToken[], start: number): number {
  let depth = 0;
  for (let i = start; i < tokens.length; i++) {
    const type = tokens[i]!.tokenType;
    if (depth === 0 && i > start && startsLine(text, tokens[i]!) && !CLOSER.has(type)) return i - 1;
    if (CLOSER.has(type)) depth++;
    else if (CLOSERS.has(type) && --depth === 0 && type === t.RightBrace) return i;
  }
  return tokens.length - 1;
}
