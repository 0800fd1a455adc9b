import type { IToken, TokenType } from 'chevrotain';
import { findLine, LINES, type Line } from '../lower/lines.js';
import * as t from '../parser/tokens.js';
import { findSetting, GROUP, isSettingsSection } from './catalogue.js';
import type { Owner } from './places.js';

/** What may be written where the cursor is. */
export type Context =
  | { readonly kind: 'section' }
  | { readonly kind: 'dataset-name' }
  | { readonly kind: 'use-path' }
  | { readonly kind: 'setting'; readonly section: string }
  | { readonly kind: 'setting-value'; readonly section: string; readonly setting: string }
  | { readonly kind: 'pattern'; readonly of: 'layers' | 'parameters' }
  | { readonly kind: 'keep-in' }
  | { readonly kind: 'format' }
  | { readonly kind: 'stage' }
  | { readonly kind: 'argument'; readonly call: OpenCall }
  | { readonly kind: 'argument-value'; readonly call: OpenCall; readonly name: string }
  | { readonly kind: 'property'; readonly ofDataset: boolean }
  /** A new name, or a number: nothing to choose from. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'value' }
  | { readonly kind: 'after-stage' };

/** Parentheses in which the cursor is. */
export interface OpenCall {
  readonly owner: Owner;
  /** How many commas stand before it. */
  readonly index: number;
  /** The names that arguments have already. */
  readonly named: readonly string[];
  /** That of the argument in which it is. */
  readonly current: string | undefined;
}

interface Level {
  readonly open: TokenType;
  readonly owner: Owner | undefined;
  index: number;
  named: string[];
  current: string | undefined;
}

const OPENERS = new Set<TokenType>([t.LeftBrace, t.LeftParen, t.LeftBracket]);
const CLOSERS = new Set<TokenType>([t.RightBrace, t.RightParen, t.RightBracket]);
const VALUES = new Set<TokenType>([t.Name, t.NumberToken, t.StringToken, t.True, t.False]);
const SECTION_OF = new Map<TokenType, string>(Object.entries(t.SECTION_KEYWORDS).map(([word, type]) => [type, word]));

/** Reads tokens up to the cursor, and knows what may follow. */
class Reader {
  readonly levels: Level[] = [];
  section = '';
  /** Of a section of settings: the one whose value is being written. */
  private setting: string | undefined;
  private hasValue = false;
  private previous: IToken | undefined;
  private beforePrevious: IToken | undefined;

  take(token: IToken): void {
    const type = token.tokenType;
    const top = this.levels.at(-1);
    if (this.levels.length === 0 && SECTION_OF.has(type)) this.section = SECTION_OF.get(type)!;
    if (this.settings !== undefined) this.takeSetting(token);
    if (OPENERS.has(type)) {
      this.levels.push({ open: type, owner: type === t.LeftParen ? this.ownerOf() : undefined, index: 0, named: [], current: undefined });
    } else if (CLOSERS.has(type)) this.levels.pop();
    else if (top !== undefined && type === t.Comma) {
      top.index++;
      top.current = undefined;
    } else if (top !== undefined && type === t.Colon && this.previous !== undefined) {
      top.named.push(this.previous.image);
      top.current = this.previous.image;
    }
    this.beforePrevious = this.previous;
    this.previous = token;
  }

  /** The section whose settings stand here: that of the braces around, or those of a `group` line. */
  private get settings(): string | undefined {
    if (!isSettingsSection(this.section)) return undefined;
    if (this.levels.length === 1 && this.levels[0]!.open === t.LeftBrace) return this.section;
    return this.levels.length === 2 && this.levels[1]!.open === t.LeftBrace ? GROUP : undefined;
  }

  private takeSetting(token: IToken): void {
    const type = token.tokenType;
    if (type === t.LeftBrace || type === t.RightBrace) this.setting = undefined;
    else if (this.setting === undefined || (this.hasValue && (type === t.Name || type === t.Keep))) {
      this.setting = token.image;
      const found = findSetting(this.settings ?? this.section, token.image);
      this.hasValue = found?.value.kind === 'call';
    } else if (type === t.In && this.setting === LINES.keep.word) this.hasValue = false;
    else if (VALUES.has(type)) this.hasValue = this.line?.hasValue !== true || this.previous?.image !== this.setting;
    else if (CLOSERS.has(type)) this.hasValue = true;
    else if (type.CATEGORIES?.includes(t.Operator) === true) this.hasValue = false;
  }

  /** The line that is being written, if it is no setting. */
  private get line(): Line | undefined {
    return this.setting === undefined ? undefined : findLine(this.section, this.setting);
  }

  private ownerOf(): Owner | undefined {
    const { previous, beforePrevious } = this;
    if (previous?.tokenType !== t.Name) return undefined;
    const name = previous.image;
    if (this.levels.length === 0 && this.section === 'dataset') return { kind: 'setting', section: 'dataset', setting: name, word: name };
    if (this.settings !== undefined) return { kind: 'setting', section: this.settings, setting: this.setting ?? name, word: name };
    const before = beforePrevious?.tokenType;
    return { kind: 'callee', name, isStage: before === t.Pipe || before === t.Share || before === t.LeftBrace };
  }

  get call(): OpenCall | undefined {
    const level = this.levels.findLast(({ open }) => open === t.LeftParen);
    if (level?.owner === undefined) return undefined;
    const { owner, index, named, current } = level;
    return { owner, index, named, current };
  }

  context(): Context {
    const type = this.previous?.tokenType;
    const top = this.levels.at(-1);
    if (type === t.Use) return { kind: 'use-path' };
    if (type === t.Pipe || type === t.Share) return { kind: 'stage' };
    if (type === t.As || type === t.LetKeyword || type === t.Model || type === t.Block) return { kind: 'nothing' };
    if (type === t.Dot && this.settings !== undefined && this.line !== undefined && this.line.about !== 'value')
      return { kind: 'pattern', of: this.line.about };
    if (type === t.Dot) return { kind: 'property', ofDataset: this.beforePrevious?.tokenType === t.DatasetValue };
    if (top === undefined) return this.atTop();
    if (this.settings !== undefined) return this.inSettings(this.settings);
    if (top.open === t.LeftParen && top.owner !== undefined) return this.inCall();
    if (top.open === t.LeftParen && (this.section === 'model' || this.section === 'block') && this.levels.length === 1)
      return type === t.Equal ? { kind: 'value' } : { kind: 'nothing' };
    if (top.open === t.LeftBrace && this.isStages) return { kind: 'stage' };
    const endsValue = type !== undefined && (VALUES.has(type) || CLOSERS.has(type));
    return endsValue ? { kind: 'after-stage' } : { kind: 'value' };
  }

  /** Where a name begins behind whose dot the cursor is. */
  get dotted(): number | undefined {
    return this.previous?.tokenType === t.Dot ? this.beforePrevious?.startOffset : undefined;
  }

  /** Whether the braces that were just opened hold stages: those of `repeat`. */
  private get isStages(): boolean {
    return this.previous?.tokenType === t.LeftBrace && this.braceOf === t.Repeat;
  }

  braceOf: TokenType | undefined;

  private atTop(): Context {
    const type = this.previous?.tokenType;
    if (type === t.Dataset) return { kind: 'dataset-name' };
    if (this.section === 'let' && type !== undefined && type !== t.Name && !VALUES.has(type) && !CLOSERS.has(type))
      return { kind: 'value' };
    return { kind: 'section' };
  }

  private inSettings(section: string): Context {
    const { setting } = this;
    if (setting === undefined || this.hasValue) return { kind: 'setting', section };
    const type = this.previous?.tokenType;
    const { line } = this;
    const isBehindWord = this.previous?.image === setting;
    if (line === LINES.keep && !isBehindWord) return type === t.In ? { kind: 'format' } : { kind: 'keep-in' };
    if (line !== undefined && isBehindWord) return line.about === 'value' ? { kind: 'value' } : { kind: 'pattern', of: line.about };
    return { kind: 'setting-value', section, setting };
  }

  private inCall(): Context {
    const call = this.call!;
    const type = this.previous?.tokenType;
    if (type === t.Colon) return { kind: 'argument-value', call, name: call.current ?? '' };
    return type === t.LeftParen || type === t.Comma ? { kind: 'argument', call } : { kind: 'value' };
  }
}

export interface Cursor {
  readonly context: Context;
  readonly call: OpenCall | undefined;
  /** The word that is being written, which what is chosen replaces. */
  readonly word: { readonly start: number; readonly end: number };
  /** Whether that is a text in quotes, which may not be closed yet. */
  readonly isQuoted: boolean;
  readonly section: string;
}

/** The part of a text in quotes that is replaced: all of it, or where it is not closed, up to where a word ends. */
function quotedWord(token: IToken, offset: number): Cursor['word'] | undefined {
  const { tokenType, image, startOffset } = token;
  if (tokenType !== t.StringToken) return undefined;
  const end = t.tokenEndInText(token);
  const isClosed = end === t.tokenEnd(token);
  if (isClosed) return offset < end ? { start: startOffset, end } : undefined;
  if (offset > end) return undefined;
  const rest = /^[\w.*/-]*/.exec(image.slice(offset - startOffset))![0];
  return { start: startOffset, end: offset + rest.length };
}

/** What may be written at an offset, by the tokens before it. */
export function cursorAt(tokens: readonly IToken[], offset: number): Cursor {
  const reader = new Reader();
  let word: Cursor['word'] = { start: offset, end: offset };
  let isQuoted = false;
  for (const token of tokens) {
    const end = t.tokenEnd(token);
    if (token.startOffset >= offset || token.image === '') {
      if (token.startOffset >= offset) break;
      continue;
    }
    const quoted = quotedWord(token, offset);
    if (quoted !== undefined) {
      word = quoted;
      isQuoted = true;
      break;
    }
    const isWord = /^\w/.test(token.image) && !/^\d/.test(token.image);
    if (end >= offset && isWord) {
      word = { start: token.startOffset, end };
      break;
    }
    if (token.tokenType === t.Repeat || token.tokenType === t.If || token.tokenType === t.Collect) reader.braceOf = token.tokenType;
    reader.take(token);
  }
  const context = reader.context();
  // Of a pattern the whole is replaced, since it takes quotes.
  if (context.kind === 'pattern') word = { start: reader.dotted ?? word.start, end: word.end };
  return { context, call: reader.call, word, isQuoted, section: reader.section };
}
