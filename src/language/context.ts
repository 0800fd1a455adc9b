import type { IToken, TokenType } from 'chevrotain';
import { findLine, LINES, type Line } from '../lower/lines.js';
import * as t from '../parser/tokens.js';
import { findSetting, GROUP, isSettingsSection } from './catalogue.js';
import type { Keyword } from './keywords.js';
import type { Owner } from './place.js';

/** What may be written where the cursor is. */
export type Context =
  /** `words`: those that may go on with the value of a `let`. */
  | { readonly kind: 'section'; readonly words: readonly Keyword[] }
  | { readonly kind: 'dataset-name' }
  | { readonly kind: 'use-path' }
  | { readonly kind: 'setting'; readonly section: string }
  | { readonly kind: 'setting-value'; readonly section: string; readonly setting: string }
  /** `kinds`: also those of parameters. */
  | { readonly kind: 'pattern'; readonly of: 'layers' | 'parameters'; readonly kinds?: boolean }
  | { readonly kind: 'aux-value' }
  /** Behind a pattern: what may follow it there, or the next setting. */
  | { readonly kind: 'behind-pattern'; readonly words: readonly Keyword[]; readonly section: string }
  | { readonly kind: 'keep-in' }
  | { readonly kind: 'format' }
  | { readonly kind: 'stage' }
  | { readonly kind: 'argument'; readonly call: OpenCall }
  | { readonly kind: 'argument-value'; readonly call: OpenCall; readonly name: string }
  | { readonly kind: 'property'; readonly ofDataset: boolean }
  /** A new name, or a number: nothing to choose from. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'value' }
  /** `words`: those that may follow here alone. */
  | { readonly kind: 'after-stage'; readonly words: readonly Keyword[] };

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
  /** Of braces: whether stages stand in them, and whether those of an `if` or its `else` do. */
  readonly isStages: boolean;
  readonly isIf: boolean;
  readonly owner: Owner | undefined;
  index: number;
  named: string[];
  current: string | undefined;
}

const OPENERS = new Set<TokenType>([t.LeftBrace, t.LeftParen, t.LeftBracket]);
const CLOSERS = new Set<TokenType>([t.RightBrace, t.RightParen, t.RightBracket]);
const VALUES = new Set<TokenType>([t.Name, t.NumberToken, t.StringToken, t.True, t.False]);
const SECTION_OF = new Map<TokenType, string>(Object.entries(t.SECTION_KEYWORDS).map(([word, type]) => [type, word]));

/** Words that may follow a pattern, by the word of its line. */
const BEHIND_PATTERNS: Readonly<Record<string, readonly Keyword[]>> = {
  [LINES.freeze.word]: ['until', 'after'],
  [LINES.parameter_group.word]: ['in'],
};

/** Reads tokens up to the cursor, and knows what may follow. */
export class Reader {
  readonly levels: Level[] = [];
  section = '';
  /** Of a section of settings: the one whose value is being written. */
  private setting: string | undefined;
  private hasValue = false;
  private previous: IToken | undefined;
  private beforePrevious: IToken | undefined;
  /** `repeat`, `if` or `collect`, until its braces are opened. */
  private opening: { readonly isStages: boolean; readonly isIf: boolean } | undefined;
  private closed: Level | undefined;

  take(token: IToken): void {
    const type = token.tokenType;
    const top = this.levels.at(-1);
    if (this.levels.length === 0 && SECTION_OF.has(type)) this.section = SECTION_OF.get(type)!;
    if (this.settings !== undefined) this.takeSetting(token);
    const isAmongStages = this.previous?.tokenType === t.Pipe || this.beginsStages;
    if (type === t.Repeat) this.opening = { isStages: true, isIf: false };
    else if (type === t.Collect) this.opening = { isStages: false, isIf: false };
    else if (type === t.If) {
      const goesOn = this.previous?.tokenType === t.Else && this.closed?.isStages === true;
      this.opening = { isStages: isAmongStages || goesOn, isIf: true };
    } else if (type === t.Else) this.opening = { isStages: this.closed?.isStages === true, isIf: true };
    if (OPENERS.has(type)) this.open(type);
    else if (CLOSERS.has(type)) this.closed = this.levels.pop();
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

  private open(type: TokenType): void {
    const { isStages, isIf } = (type === t.LeftBrace ? this.opening : undefined) ?? { isStages: false, isIf: false };
    if (type === t.LeftBrace) this.opening = undefined;
    const owner = type === t.LeftParen ? this.ownerOf() : undefined;
    this.levels.push({ open: type, isStages, isIf, owner, index: 0, named: [], current: undefined });
  }

  /** Whether the braces were just opened, and stages stand in them. */
  private get beginsStages(): boolean {
    return this.previous?.tokenType === t.LeftBrace && this.levels.at(-1)?.isStages === true;
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
    const isStage = before === t.Pipe || before === t.Share || (before === t.LeftBrace && this.levels.at(-1)?.isStages === true);
    return { kind: 'callee', name, isStage };
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
      return type === t.Equal || type === t.Colon ? { kind: 'value' } : { kind: 'nothing' };
    if (this.beginsStages) return { kind: 'stage' };
    if (type === t.Else) return { kind: 'behind-pattern', words: ['if'], section: '' };
    return this.endsValue ? { kind: 'after-stage', words: this.following } : { kind: 'value' };
  }

  private get endsValue(): boolean {
    const type = this.previous?.tokenType;
    return type !== undefined && (VALUES.has(type) || CLOSERS.has(type));
  }

  /** Words that may follow a value. */
  private get following(): readonly Keyword[] {
    const [before, type] = [this.beforePrevious?.tokenType, this.previous?.tokenType];
    if (before === t.Repeat || before === t.Collect) return ['in'];
    if (type === t.RightBrace) return this.closed?.isIf === true ? ['else'] : [];
    return ['and', 'or'];
  }

  /** Where a name begins behind whose dot the cursor is. */
  get dotted(): number | undefined {
    return this.previous?.tokenType === t.Dot ? this.beforePrevious?.startOffset : undefined;
  }

  private atTop(): Context {
    const type = this.previous?.tokenType;
    if (type === t.Dataset) return { kind: 'dataset-name' };
    if (this.section === 'let' && type !== undefined && type !== t.Name && !VALUES.has(type) && !CLOSERS.has(type))
      return { kind: 'value' };
    return { kind: 'section', words: this.section === 'let' && this.endsValue ? this.following : [] };
  }

  private inSettings(section: string): Context {
    const { setting, line } = this;
    const type = this.previous?.tokenType;
    const isBehindWord = this.previous?.image === setting;
    const words = line === undefined ? [] : BEHIND_PATTERNS[line.word];
    if (words !== undefined && words.length > 0 && this.hasValue && this.beforePrevious?.image === setting)
      return { kind: 'behind-pattern', words, section };
    if (setting === undefined || this.hasValue) return { kind: 'setting', section };
    if (line === LINES.parameter_group && type === t.In) return { kind: 'pattern', of: 'parameters' };
    if (line === LINES.keep && !isBehindWord) return type === t.In ? { kind: 'format' } : { kind: 'keep-in' };
    if (line !== undefined && isBehindWord)
      return line.about === 'value' ? { kind: 'aux-value' } : { kind: 'pattern', of: line.about, kinds: line === LINES.parameter_group };
    return { kind: 'setting-value', section, setting };
  }

  private inCall(): Context {
    const call = this.call!;
    const type = this.previous?.tokenType;
    if (type === t.Colon) return { kind: 'argument-value', call, name: call.current ?? '' };
    return type === t.LeftParen || type === t.Comma ? { kind: 'argument', call } : { kind: 'value' };
  }
}
