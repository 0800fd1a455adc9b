import type { IToken, ITokenConfig, TokenType } from 'chevrotain';
import { createToken, Lexer } from './chevrotain.js';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';

/** `starts`: every character that it can begin with, which spares chevrotain a parser of regular expressions as it starts. */
function pattern(name: string, regexp: RegExp, starts: string, more: Partial<ITokenConfig> = {}): TokenType {
  return createToken({ name, pattern: regexp, start_chars_hint: [...starts], line_breaks: false, ...more });
}

export const Name = pattern('Name', /[A-Za-z_][A-Za-z0-9_]*/, `${LETTERS}_`);

function keyword(text: string): TokenType {
  return createToken({ name: `'${text}'`, pattern: text, longer_alt: Name });
}

function symbol(text: string): TokenType {
  return createToken({ name: `'${text}'`, pattern: text });
}

/** Joins two operands; precedence is the grammar's business. */
export const Operator = createToken({ name: 'Operator', pattern: Lexer.NA });

function operator(text: string): TokenType {
  const word = /\w/.test(text);
  return createToken({ name: `'${text}'`, pattern: text, categories: Operator, ...(word && { longer_alt: Name }) });
}

export const Use = keyword('use');
export const Dataset = keyword('dataset');
/** The word before a property, `dataset.classes`, which starts no section. */
export const DatasetValue = pattern("'dataset'", /dataset(?=[ \t]*\.(?!\.))/, 'd');
export const Model = keyword('model');
export const Block = keyword('block');
export const Precision = keyword('precision');
export const Train = keyword('train');
export const LetKeyword = keyword('let');
export const Repeat = keyword('repeat');
export const Collect = keyword('collect');
export const Share = keyword('share');
export const In = keyword('in');
export const If = keyword('if');
export const Else = keyword('else');
export const As = keyword('as');
export const Keep = keyword('keep');
export const And = operator('and');
export const Or = operator('or');
export const Not = keyword('not');
export const True = keyword('true');
export const False = keyword('false');

/** Words that start a section, by their text. */
export const SECTION_KEYWORDS: Readonly<Record<string, TokenType>> = {
  use: Use,
  dataset: Dataset,
  model: Model,
  block: Block,
  precision: Precision,
  train: Train,
  let: LetKeyword,
};

/** Anything that starts like a number and is none, so that it becomes one clear error: `64px`, `1.2.3`, `5.`, `.5`, `0x10`, `1_000`. */
export const BadNumber = pattern(
  'BadNumber',
  /(?:\d+(?:\.\d+)?[eE][+-](?!\d)|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?:[A-Za-z_]\w*)(?:\.\w+)*|\d+(?:\.\d+){2,}\w*|\d+\.(?![.\d])\w*|\.\d\w*)/,
  `${DIGITS}.`,
);
export const NumberToken = pattern('Number', /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w])(?!\.(?!\.))/, DIGITS);
export const StringToken = pattern('String', /"[^"\n\r]*"/, '"');
/** Without its end, or in other quotes than a string has: single ones, or those that word processors put. */
export const BadString = pattern('BadString', /"[^"\n\r]*|'[^'\n\r]*'?|[“”„‟«‘’‚][^\n\r]*?[“”„‟»‘’‚"]/, `"'“”„‟«‘’‚`);

export const Arrow = symbol('->');
export const Pipe = symbol('|>');
export const Range = symbol('..');
export const Dot = symbol('.');
export const EqualEqual = operator('==');
export const NotEqual = operator('!=');
export const LessEqual = operator('<=');
export const GreaterEqual = operator('>=');
export const Less = operator('<');
export const Greater = operator('>');
export const Equal = symbol('=');
export const Plus = operator('+');
export const Minus = operator('-');
export const Star = operator('*');
export const Slash = operator('/');
export const Percent = operator('%');
export const Colon = symbol(':');
export const Comma = symbol(',');
export const LeftBrace = symbol('{');
export const RightBrace = symbol('}');
export const LeftParen = symbol('(');
export const RightParen = symbol(')');
export const LeftBracket = symbol('[');
export const RightBracket = symbol(']');

/** What no other token may be missing before: it begins a part of the text, or ends one. */
export const BEGINS_PART: ReadonlySet<TokenType> = new Set([
  Pipe,
  LetKeyword,
  LeftBrace,
  RightBrace,
  RightParen,
  RightBracket,
  ...Object.values(SECTION_KEYWORDS),
]);

/** White space within a line. */
export function isBlankCharacter(character: string): boolean {
  return character === ' ' || character === '\t' || character === '\ufeff';
}

const WhiteSpace = pattern('WhiteSpace', /[ \t\r\n\ufeff]+/, ' \t\r\n\ufeff', { group: Lexer.SKIPPED, line_breaks: true });
const Comment = pattern('Comment', /#[^\n\r]*/, '#', { group: 'comments' });
/** Comments of other languages, reported once instead of once per character. */
export const BadComment = pattern('BadComment', /\/\/[^\n\r]*/, '/');

// biome-ignore format: the groups are the order in which the lexer tries them.
export const TOKENS: readonly TokenType[] = [
  WhiteSpace, Comment, BadComment, Operator,
  Use, DatasetValue, Dataset, Model, Block, Precision, Train, LetKeyword,
  Repeat, Collect, Share, In, If, Else, As, Keep, And, Or, Not, True, False,
  Name, NumberToken, BadNumber, StringToken, BadString,
  Arrow, Pipe, Range, Dot, EqualEqual, NotEqual, LessEqual, GreaterEqual, Less, Greater, Equal,
  Plus, Minus, Star, Slash, Percent, Colon, Comma,
  LeftBrace, RightBrace, LeftParen, RightParen, LeftBracket, RightBracket,
];

export const LEXER = new Lexer([...TOKENS], { positionTracking: 'full', ensureOptimizations: false });

/** Where a token ends in the text, which may lack the quotes that its image was given; one that was added ends where it begins. */
export function tokenEnd({ image, startOffset, endOffset = Number.NaN }: IToken): number {
  return image === '' ? startOffset : endOffset + 1;
}
