import type { ILexingResult, IToken } from 'chevrotain';
import { isVisible, showCharacters } from '../diagnostics/characters.js';
import { type Diagnostic, type Source, type Span, UserError } from '../diagnostics/diagnostic.js';
import { didYouMean, type Fix, writeInstead } from '../diagnostics/fixes.js';
import { LineIndex } from '../diagnostics/lines.js';
import { sortDiagnostics } from '../diagnostics/render.js';
import { DiagnosticSink } from '../diagnostics/sink.js';
import type { Misuse } from './argument-grammar.js';
import type { AmpFile, Expr } from './ast.js';
import { createTokenInstance, tokenMatcher } from './chevrotain.js';
import { fillGaps } from './gaps.js';
import { AmpParser } from './grammar.js';
import { balanceBrackets, repairTokens, spanOf } from './repair.js';
import { syntaxDiagnostic } from './syntax-errors.js';
import * as t from './tokens.js';
import { quotePath, unquotedPaths } from './unquoted-path.js';

export interface ParseResult {
  /** What could be read; parts with errors are left out. */
  readonly file: AmpFile;
  readonly diagnostics: readonly Diagnostic[];
  /** All tokens in order, for the formatter; only meaningful without diagnostics. */
  readonly tokens: readonly IToken[];
  readonly comments: readonly IToken[];
}

let sharedParser: AmpParser | undefined;

/** Building the parser analyses the grammar, so it is built once and only when something is parsed. */
function parserFor(tokens: IToken[]): AmpParser {
  sharedParser ??= new AmpParser();
  sharedParser.input = tokens;
  sharedParser.misuses.length = 0;
  return sharedParser;
}

const MISUSES: Readonly<Record<Misuse['kind'], Omit<Diagnostic, 'span' | 'severity'>>> = {
  'equal-argument': {
    code: 'AMP1009',
    message: '`=` does not name an argument',
    why: 'named arguments are written `name: value`',
    fix: 'replace `=` with `:`',
  },
  'lost-value': {
    code: 'AMP1007',
    message: 'this value goes nowhere',
    why: 'a body has one result, its last line',
    fix: 'join the next line to it with `|>`, or give it a name with `let`',
  },
  'nested-nots': {
    code: 'AMP1008',
    message: '`not` is nested more than 100 deep',
    why: '`not` takes the whole comparison behind it, so each one lies within the one before',
    fix: 'put the comparisons in parentheses, or name parts of them with `let`',
  },
  'positional-after-named': {
    code: 'AMP1012',
    message: 'a positional argument follows a named one',
    why: 'positional arguments come first',
    fix: 'name it too, or move it to the front',
  },
};

/** Reads `.amp` text into its tree, reporting every syntax error that it can tell apart. */
export function parseAmp(text: string): ParseResult {
  const lexed = t.LEXER.tokenize(text);
  const sink = new DiagnosticSink();
  const clean = checkTokens(text, lexed, sink);
  const comments = (lexed.groups.comments ?? []) as IToken[];
  const without = parseTokens(text, clean, sink.diagnostics);
  const { length } = sink.diagnostics;
  if (lexed.errors.length === 0 || without.diagnostics.length === length) return { ...without, comments };
  // Where what could not be read stood for a value, the text goes on as it should with any value in its place.
  const places = lexed.errors.map(({ offset }) => createTokenInstance(t.Name, '', offset, offset, 1, 1, 1, 1));
  const filled = [...clean, ...places].sort((a, b) => a.startOffset - b.startOffset);
  const within = parseTokens(text, filled, sink.diagnostics);
  return { ...(within.diagnostics.length < without.diagnostics.length ? within : without), comments };
}

/** The tree of these tokens. `found`: what is wrong with the tokens already. */
function parseTokens(text: string, clean: readonly IToken[], found: readonly Diagnostic[]): Omit<ParseResult, 'comments'> {
  const sink = new DiagnosticSink();
  for (const diagnostic of found) sink.add(diagnostic);
  const tokens = repairTokens(text, clean, sink);
  if (tokens === undefined) return { file: { sections: [] }, diagnostics: sink.diagnostics, tokens: [] };
  const parser = parserFor(tokens);
  const file = parser.file() ?? { sections: [] };
  const errors = parser.errors.length;
  reportErrors(text, parser, sink);
  return { file: errors === 0 ? file : fuller(text, tokens, file, errors), diagnostics: sink.diagnostics, tokens };
}

/** The tree of a text with errors, of which what is missing may be taken for the rest; with something in its place there are fewer. */
function fuller(text: string, tokens: readonly IToken[], file: AmpFile, errors: number): AmpFile {
  const parser = parserFor(fillGaps(text, tokens));
  const filled = parser.file();
  return filled !== undefined && parser.errors.length < errors ? filled : file;
}

/** Reads one value, such as that of `--set`. Throws UserError on a syntax error; `source.text` from `offset` on is the value. */
export function parseExpression(source: Source, offset: number): Expr {
  // Blanks instead of what stands before the value keep all spans right.
  const text = ' '.repeat(offset) + source.text.slice(offset);
  const lexed = t.LEXER.tokenize(text);
  const sink = new DiagnosticSink();
  const tokens = balanceBrackets(text, checkTokens(text, lexed, sink), sink) ?? [];
  const parser = parserFor(tokens);
  const value = parser.expression();
  reportErrors(text, parser, sink);
  if (sink.hasErrors) throw new UserError(sink.diagnostics, source);
  return value;
}

/** Codes that one mistake may cause several times in a row. */
const CASCADING = new Set(['AMP1006', 'AMP1007']);

/**
 * Adds the parser's errors; of those that one mistake may cause in a row, the first of a line, and none where the line has another error.
 */
function reportErrors(text: string, parser: AmpParser, sink: DiagnosticSink): void {
  const found: Diagnostic[] = [
    ...parser.errors.map((error) => syntaxDiagnostic(error, text.length)),
    ...parser.misuses.map(({ kind, span }): Diagnostic => {
      return { ...MISUSES[kind], severity: 'error', span, ...(kind === 'equal-argument' && { edits: [{ ...span, text: ':' }] }) };
    }),
  ];
  if (found.length === 0) return;
  const lines = new LineIndex(text);
  const lineOf = (d: Diagnostic) => lines.position(d.span!.start).line;
  const taken = new Set(sink.diagnostics.map(lineOf));
  for (const diagnostic of sortDiagnostics(found)) {
    const line = lineOf(diagnostic);
    if (CASCADING.has(diagnostic.code) && taken.has(line)) continue;
    taken.add(line);
    sink.add(diagnostic);
  }
}

/** Turns what the lexer could not read into diagnostics, and bad numbers, strings and paths into a guess that parses. */
function checkTokens(text: string, lexed: ILexingResult, sink: DiagnosticSink): IToken[] {
  const paths = unquotedPaths(text, lexed.tokens);
  const tokens = paths.reduce<readonly IToken[]>((read, path) => quotePath(text, path, read, sink), lexed.tokens);
  for (const { offset, length } of lexed.errors) {
    if (paths.some(({ start, end }) => offset >= start && offset < end)) continue;
    const span = { start: offset, end: offset + length };
    const character = String.fromCodePoint(text.codePointAt(offset)!);
    sink.error('AMP1001', span, `unexpected character ${shownCharacter(character)}`, characterHelp(character, span));
  }
  return tokens.flatMap((token) => {
    if (tokenMatcher(token, t.BadNumber)) {
      badNumber(token.image, spanOf(token), sink);
      return [{ ...token, tokenType: t.NumberToken, tokenTypeIdx: t.NumberToken.tokenTypeIdx! }];
    }
    if (tokenMatcher(token, t.BadString)) {
      badString(token.image, spanOf(token), sink);
      return [{ ...token, image: `"${textOf(token.image)}"`, tokenType: t.StringToken, tokenTypeIdx: t.StringToken.tokenTypeIdx! }];
    }
    if (tokenMatcher(token, t.BadComment)) {
      sink.error('AMP1001', spanOf(token), '`//` does not start a comment', { fix: 'comments start with `#`' });
      return [];
    }
    return [token];
  });
}

/** `$`, or U+200B for what cannot be seen. */
function shownCharacter(character: string): string {
  return isVisible(character) ? `\`${character}\`` : showCharacters(character);
}

function characterHelp(character: string, span: Span): Pick<Diagnostic, 'why'> & Fix {
  if (character === ';') return { why: 'lines and settings need no separator', fix: 'remove it', edits: [{ ...span, text: '' }] };
  if (character === '|') return didYouMean(span, '|>');
  if (character === '&') return didYouMean(span, 'and');
  if (character === '!') return { fix: 'did you mean `not` or `!=`?' };
  if (character === '^') return { fix: 'did you mean `pow(BASE, EXPONENT)`?' };
  return { why: 'it has no meaning in the language', fix: 'remove it; comments start with `#`' };
}

function badNumber(image: string, span: Span, sink: DiagnosticSink): void {
  const unit = /^(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)([A-Za-z]\w*)$/.exec(image);
  const why = 'a number is digits with an optional fraction and exponent: `64`, `0.5`, `1e-3`';
  if (image.includes('_') && /^[\d_.]+$/.test(image)) {
    sink.error('AMP1002', span, `\`${image}\` is not a number`, { why, ...writeInstead(span, image.replaceAll('_', '')) });
  } else if (/^0[xXbBoO]/.test(image)) {
    sink.error('AMP1002', span, `\`${image}\` is not a number`, {
      why,
      ...(Number.isNaN(Number(image)) ? { fix: 'write it in decimal' } : writeInstead(span, String(Number(image)))),
    });
  } else if (unit !== null && !/^[eE]/.test(unit[2]!)) {
    sink.error('AMP1002', span, `\`${image}\` is a number with the unit \`${unit[2]}\``, {
      why: `numbers take no unit; ${why}`,
      ...writeInstead(span, unit[1]!),
    });
  } else if (/^\.\d+$/.test(image)) {
    sink.error('AMP1002', span, `\`${image}\` is not a number`, { why, ...writeInstead(span, `0${image}`) });
  } else if (/^\d+\.$/.test(image)) {
    sink.error('AMP1002', span, `\`${image}\` is not a number`, { why, ...writeInstead(span, `${image}0`) });
  } else {
    sink.error('AMP1002', span, `\`${image}\` is not a number`, { why });
  }
}

/** What somebody wanted to say with a bad string. */
function textOf(image: string): string {
  return image.slice(1).replace(/['“”„‟»‘’‚"]$/, '');
}

function badString(image: string, span: Span, sink: DiagnosticSink): void {
  if (!image.startsWith('"')) {
    const quotes = image.startsWith("'") ? 'double quotes' : 'straight double quotes';
    sink.error('AMP1003', span, `a string is written in ${quotes}`, writeInstead(span, `"${textOf(image)}"`));
  } else {
    sink.error('AMP1003', span, 'this string is never closed', {
      why: 'a string ends on the line on which it starts',
      fix: 'add the missing `"`',
      edits: [{ start: span.end, end: span.end, text: '"' }],
    });
  }
}
