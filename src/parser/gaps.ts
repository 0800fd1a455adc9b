import type { IToken, TokenType } from 'chevrotain';
import { createTokenInstance } from './chevrotain.js';
import { startsLine } from './repair.js';
import * as t from './tokens.js';

const SECTIONS = new Set(Object.values(t.SECTION_KEYWORDS));
const OPENERS = new Set<TokenType>([t.LeftBrace, t.LeftParen, t.LeftBracket]);
const CLOSERS = new Set<TokenType>([t.RightBrace, t.RightParen, t.RightBracket]);
const STARTS_VALUE = new Set<TokenType>([t.Name, t.NumberToken, t.StringToken, t.True, t.False, t.LeftBracket, t.DatasetValue, t.Minus]);

/** What may be an item of a list or an argument, and what ends one. */
const BEGINS_ITEM = new Set<TokenType>([t.Name, t.NumberToken, t.StringToken, t.True, t.False]);
const ENDS_VALUE = new Set<TokenType>([...BEGINS_ITEM, ...CLOSERS]);

/** Behind these a value, a layer or a name follows. */
const WANTS_VALUE = new Set<TokenType>([t.Pipe, t.Colon, t.Equal, t.In, t.Share, t.Range, t.Dot, t.Not, t.If, t.Repeat]);

/** Tokens that stand for what is not there yet: names without letters, which mean nothing and are not reported. */
class Filler {
  readonly out: IToken[] = [];

  push(token: IToken): void {
    this.out.push(token);
  }

  add(...types: readonly TokenType[]): void {
    const last = this.out.at(-1);
    const offset = last === undefined ? 0 : t.tokenEnd(last);
    const line = last?.endLine ?? 1;
    for (const type of types) this.out.push(createTokenInstance(type, '', offset, offset, line, line, 1, 1));
  }
}

/** What begins something else than the value that is looked for. */
function endsPart(token: IToken | undefined): boolean {
  if (token === undefined) return true;
  const { tokenType: type } = token;
  return type === t.Pipe || type === t.Comma || type === t.LetKeyword || CLOSERS.has(type) || (SECTIONS.has(type) && type !== t.Dataset);
}

/** The parts of a section's head and its body, in order: how each begins, and what stands for one that is missing. */
interface Part {
  readonly begins: TokenType;
  readonly filled: readonly TokenType[];
}

const NAME: Part = { begins: t.Name, filled: [t.Name] };
const INPUTS: Part = { begins: t.LeftParen, filled: [t.LeftParen, t.RightParen] };
const ARROW: Part = { begins: t.Arrow, filled: [t.Arrow] };
const SHAPE: Part = { begins: t.LeftBracket, filled: [t.LeftBracket, t.RightBracket] };
const BRACES: Part = { begins: t.LeftBrace, filled: [t.LeftBrace, t.RightBrace] };

const PARTS = new Map<TokenType, readonly Part[]>([
  [t.Model, [NAME, INPUTS, ARROW, SHAPE, BRACES]],
  [t.Block, [NAME, INPUTS, BRACES]],
  [t.Precision, [BRACES]],
  [t.Train, [BRACES]],
  [t.Dataset, [NAME]],
]);

/** Fills the parts of the section that is being read which are missing before `token`, or before the end. */
class Head {
  private left: readonly Part[] = [];

  constructor(private readonly filler: Filler) {}

  before(token: IToken | undefined): void {
    const found = token === undefined ? -1 : this.left.findIndex(({ begins }) => begins === token.tokenType);
    if (found === -1 && token !== undefined && !SECTIONS.has(token.tokenType)) return;
    const missing = found === -1 ? this.left : this.left.slice(0, found);
    for (const { filled } of missing) this.filler.add(...filled);
    this.left = found === -1 ? ((token && PARTS.get(token.tokenType)) ?? []) : this.left.slice(found + 1);
  }
}

/**
 * The tokens with something in the place of each part that is missing, as while somebody types: of a file with syntax errors, so that all
 * that stands around them is read as it would be without. Brackets are balanced.
 */
export function fillGaps(text: string, tokens: readonly IToken[]): IToken[] {
  const filler = new Filler();
  const head = new Head(filler);
  const open: TokenType[] = [];
  let section: TokenType | undefined;
  const lineStart = (token: IToken | undefined) => token === undefined || startsLine(text, token);
  for (const [i, token] of tokens.entries()) {
    const type = token.tokenType;
    const next = tokens[i + 1];
    if (open.length === 0) head.before(token);
    if (open.length === 0 && SECTIONS.has(type)) section = type;
    if (isBesideValue(filler.out, token, open.at(-1))) filler.add(followsComma(filler.out) ? t.Colon : t.Comma);
    if (OPENERS.has(type)) open.push(type);
    else if (CLOSERS.has(type)) open.pop();
    if (type === t.As && next?.tokenType !== t.Name) continue;
    if (type === t.LetKeyword && (lineStart(next) || endsPart(next))) continue;
    if (type === t.Use && next?.tokenType !== t.StringToken) continue;
    const last = filler.out.at(-1)?.tokenType;
    if (type === t.Colon && (last === t.LeftParen || last === t.Comma)) filler.add(t.Name);
    filler.push(token);

    const beginsItem = type === t.LeftBracket || type === t.LeftParen || type === t.Comma;
    if (beginsItem && next?.tokenType === t.Comma) filler.add(t.Name);
    const isShape = type === t.Colon && section === t.Model && open.length === 1 && open[0] === t.LeftParen;
    if (isShape && endsPart(next)) filler.add(t.LeftBracket, t.RightBracket);
    else if ((WANTS_VALUE.has(type) || type.CATEGORIES?.includes(t.Operator) === true) && wantsValue(type, next)) filler.add(t.Name);
    if (
      type === t.Name &&
      filler.out.at(-2)?.tokenType === t.LetKeyword &&
      next?.tokenType !== t.Equal &&
      (lineStart(next) || endsPart(next))
    )
      filler.add(t.Equal, t.Name);
    const inSettings = open.length === 1 && open[0] === t.LeftBrace && (section === t.Train || section === t.Precision);
    if (inSettings && (type === t.Name || type === t.Keep || type === t.In || type === t.StringToken))
      fillSetting(token, next, tokens[i + 2], filler, lineStart);
  }
  head.before(undefined);
  return filler.out;
}

/** Whether a value stands right behind another one in parentheses or brackets. */
function isBesideValue(out: readonly IToken[], { tokenType }: IToken, within: TokenType | undefined): boolean {
  if (within !== t.LeftParen && within !== t.LeftBracket) return false;
  const before = out.at(-1)?.tokenType;
  return before !== undefined && ENDS_VALUE.has(before) && BEGINS_ITEM.has(tokenType);
}

/** Whether the last token is alone in its place among arguments, where it may be the name of one. */
function followsComma(out: readonly IToken[]): boolean {
  const before = out.at(-2)?.tokenType;
  return out.at(-1)?.tokenType === t.Name && (before === t.Comma || before === t.LeftParen);
}

function wantsValue(type: TokenType, next: IToken | undefined): boolean {
  if (endsPart(next)) return true;
  return next!.tokenType === t.LeftBrace && (type === t.If || type === t.Repeat || type === t.In);
}

/** A line of settings that stops short: `batch`, `keep`, `keep conv1`, `keep conv1 in`. */
function fillSetting(
  token: IToken,
  next: IToken | undefined,
  afterNext: IToken | undefined,
  filler: Filler,
  lineStart: (token: IToken | undefined) => boolean,
): void {
  const ends = endsPart(next) || lineStart(next);
  const before = filler.out.at(-2)?.tokenType;
  if (token.tokenType === t.Keep) {
    if (ends) filler.add(t.Name, t.In, t.Name);
  } else if (before === t.Keep) {
    if (ends) filler.add(t.In, t.Name);
  } else if (token.tokenType === t.In) {
    if (ends && filler.out.at(-1) === token) filler.add(t.Name);
  } else if (token.tokenType === t.Name && lineStart(token)) {
    const isNextLine = next?.tokenType === t.Name && lineStart(next) && afterNext !== undefined;
    const hasOwnValue = isNextLine && STARTS_VALUE.has(afterNext.tokenType) && !lineStart(afterNext);
    if (endsPart(next) || next?.tokenType === t.Keep || hasOwnValue) filler.add(t.Name);
  }
}
