import type { IToken, ParserMethod, TokenType } from 'chevrotain';
import type { Span } from '../diagnostics/diagnostic.js';
import type * as ast from './ast.js';
import { EmbeddedActionsParser } from './chevrotain.js';
import { EXPECTATIONS } from './syntax-errors.js';
import * as t from './tokens.js';

export const EMPTY_SPAN: Span = { start: 0, end: 0 };
const NO_NAME: ast.Name = { text: '', span: EMPTY_SPAN };
export const NO_EXPR: ast.Expr = { kind: 'name', name: NO_NAME, span: EMPTY_SPAN };

/** Problems that the grammar accepts so that it can name them better than "expected something else". */
export interface Misuse {
  readonly kind: 'equal-argument' | 'lost-value' | 'positional-after-named' | 'nested-nots';
  readonly span: Span;
}

/** Where things are in the text, and the grammar of lists, arguments and labels. Chevrotain recovers from errors inside each rule. */
export abstract class ArgumentParser extends EmbeddedActionsParser {
  readonly misuses: Misuse[] = [];

  /** `validate`: look for ambiguities in the grammar itself, which takes longer than reading most files. */
  constructor(validate: boolean) {
    super([...t.TOKENS], { recoveryEnabled: true, maxLookahead: 2, errorMessageProvider: EXPECTATIONS, skipValidations: !validate });
  }

  /** What the innermost rule that an error has ended had read by then. */
  private partial: { readonly rule: string; readonly value: unknown; readonly error: unknown } | undefined;

  /** Runs what a rule reads. Where an error ends it, `soFar` is what it has read, for its recovery and for the rule around it. */
  protected keeping<T>(rule: string, read: () => T, soFar: () => T): T {
    try {
      return read();
    } catch (error) {
      // What an earlier error has ended belongs to a rule that went on behind it.
      if (this.partial?.error !== error) this.partial = undefined;
      this.partial = { rule, value: soFar(), error };
      throw error;
    }
  }

  /** What `rule` had read before an error ended it just now. */
  protected readOf<T>(rule: string): T | undefined {
    return this.partial?.rule === rule ? (this.partial.value as T) : undefined;
  }

  /** The token that is skipped for the sake of the one behind it is none that begins something. */
  override canTokenTypeBeDeletedInRecovery(_: TokenType): boolean {
    return !t.BEGINS_PART.has(this.LA(1).tokenType);
  }

  /** A made-up name or number would turn one syntax error into two. */
  override canTokenTypeBeInsertedInRecovery(type: TokenType): boolean {
    return type !== t.Name && type !== t.NumberToken && type !== t.StringToken;
  }

  protected start(): number {
    return this.LA(1).startOffset;
  }

  protected spanFrom(start: number): Span {
    const last = this.LA(0);
    const end = t.tokenEnd(last);
    return { start: Number.isNaN(start) ? 0 : start, end: Number.isNaN(end) ? start : Math.max(start, end) };
  }

  protected nameOf(token: IToken): ast.Name {
    return { text: token.image, span: { start: token.startOffset, end: t.tokenEnd(token) } };
  }

  abstract readonly expression: ParserMethod<[], ast.Expr>;

  protected readonly label = this.RULE(
    'label',
    (): ast.Name | undefined => {
      let label: ast.Name | undefined;
      this.OPTION(() => {
        this.CONSUME(t.As);
        label = this.nameOf(this.CONSUME(t.Name));
      });
      return label;
    },
    { recoveryValueFunc: () => undefined },
  );

  protected readonly list = this.RULE(
    'list',
    (): ast.Expr => {
      const start = this.start();
      const items: ast.Expr[] = [];
      this.CONSUME(t.LeftBracket);
      this.OPTION(() => {
        const first = this.SUBRULE(this.expression);
        items.push(first);
        this.MANY(() => {
          this.CONSUME(t.Comma);
          const item = this.SUBRULE2(this.expression);
          this.ACTION(() => items.push(item));
        });
        this.OPTION2(() => this.CONSUME2(t.Comma));
      });
      this.CONSUME(t.RightBracket);
      return { kind: 'list', items, span: this.spanFrom(start) };
    },
    { recoveryValueFunc: () => NO_EXPR },
  );

  protected readonly args = this.RULE(
    'args',
    (): readonly ast.Arg[] => {
      const args: ast.Arg[] = [];
      const push = (arg: ast.Arg | undefined) => {
        if (arg === undefined) return;
        if (arg.name === undefined && args.some((other) => other.name !== undefined))
          this.misuses.push({ kind: 'positional-after-named', span: arg.span });
        args.push(arg);
      };
      const read = () => {
        this.CONSUME(t.LeftParen);
        this.OPTION(() => {
          const first = this.SUBRULE(this.arg);
          this.ACTION(() => push(first));
          this.MANY(() => {
            this.CONSUME(t.Comma);
            const arg = this.SUBRULE2(this.arg);
            this.ACTION(() => push(arg));
          });
          this.OPTION2(() => this.CONSUME2(t.Comma));
        });
        this.CONSUME(t.RightParen);
        return args;
      };
      return this.keeping('args', read, () => args);
    },
    { recoveryValueFunc: () => this.readOf('args') ?? [] },
  );

  private readonly arg = this.RULE(
    'arg',
    (): ast.Arg | undefined => {
      const start = this.start();
      return this.OR<ast.Arg>([
        {
          ALT: () => {
            const name = this.nameOf(this.CONSUME(t.Name));
            this.OR2([
              { ALT: () => this.CONSUME(t.Colon) },
              {
                ALT: () => {
                  const equal = this.CONSUME(t.Equal);
                  this.ACTION(() =>
                    this.misuses.push({ kind: 'equal-argument', span: { start: equal.startOffset, end: t.tokenEnd(equal) } }),
                  );
                },
              },
            ]);
            const value = this.SUBRULE(this.expression);
            return { name, value, span: this.spanFrom(start) };
          },
        },
        {
          ALT: () => {
            const value = this.SUBRULE2(this.expression);
            return { name: undefined, value, span: this.spanFrom(start) };
          },
        },
      ]);
    },
    { recoveryValueFunc: () => undefined },
  );
}
