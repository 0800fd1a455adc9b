import type { IToken, ParserMethod, TokenType } from 'chevrotain';
import type { Span } from '../diagnostics/diagnostic.js';
import type * as ast from './ast.js';
import { EmbeddedActionsParser } from './chevrotain.js';
import { buildBinary, type Operand } from './operators.js';
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

/** The grammar of operations, operands and arguments. Chevrotain recovers from errors inside each rule. */
export abstract class OperationParser extends EmbeddedActionsParser {
  readonly misuses: Misuse[] = [];

  /** `validate`: look for ambiguities in the grammar itself, which takes longer than reading most files. */
  constructor(validate: boolean) {
    super([...t.TOKENS], { recoveryEnabled: true, maxLookahead: 2, errorMessageProvider: EXPECTATIONS, skipValidations: !validate });
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
  protected abstract readonly ifExpression: ParserMethod<[], ast.Expr>;
  protected abstract readonly collect: ParserMethod<[], ast.Expr>;
  protected abstract readonly share: ParserMethod<[], ast.Expr>;

  protected readonly operation = this.RULE(
    'operation',
    (): ast.Expr => {
      const operands: Operand[] = [];
      const operators: ast.BinaryOperator[] = [];
      const first = this.SUBRULE(this.operand);
      operands.push(first);
      this.MANY(() => {
        const operator = this.CONSUME(t.Operator);
        const operand = this.SUBRULE2(this.operand);
        this.ACTION(() => {
          operators.push(operator.image as ast.BinaryOperator);
          operands.push(operand);
        });
      });
      return this.ACTION(() => {
        const tree = buildBinary(operands, operators);
        if (tree === undefined) this.misuses.push({ kind: 'nested-nots', span: operands[0]!.value.span });
        return tree ?? NO_EXPR;
      });
    },
    { recoveryValueFunc: () => NO_EXPR },
  );

  private readonly operand = this.RULE(
    'operand',
    (): Operand => {
      let not: number | undefined;
      let minus: number | undefined;
      this.OPTION(() => {
        not = this.CONSUME(t.Not).startOffset;
      });
      this.OPTION2(() => {
        minus = this.CONSUME(t.Minus).startOffset;
      });
      const start = this.start();
      let value = this.SUBRULE(this.primary);
      this.OPTION3(() => {
        this.CONSUME(t.Dot);
        const name = this.nameOf(this.CONSUME(t.Name));
        const span = this.spanFrom(start);
        this.ACTION(() => {
          value = { kind: 'property', object: value, name, span };
        });
      });
      return this.ACTION((): Operand => {
        if (minus === undefined) return { value, not };
        return { value: { kind: 'unary', operator: '-', operand: value, span: { start: minus, end: value.span.end } }, not };
      });
    },
    { recoveryValueFunc: () => ({ value: NO_EXPR, not: undefined }) },
  );

  private readonly primary = this.RULE(
    'primary',
    (): ast.Expr => {
      const start = this.start();
      return this.OR<ast.Expr>([
        {
          ALT: () => {
            const token = this.CONSUME(t.NumberToken);
            return { kind: 'number', value: Number(token.image), text: token.image, span: this.spanFrom(start) };
          },
        },
        { ALT: () => this.SUBRULE(this.reference) },
        {
          ALT: () => {
            const token = this.CONSUME(t.StringToken);
            return { kind: 'string', value: token.image.slice(1, -1), span: this.spanFrom(start) };
          },
        },
        {
          ALT: () => {
            this.CONSUME(t.True);
            return { kind: 'boolean', value: true, span: this.spanFrom(start) };
          },
        },
        {
          ALT: () => {
            this.CONSUME(t.False);
            return { kind: 'boolean', value: false, span: this.spanFrom(start) };
          },
        },
        { ALT: () => this.SUBRULE(this.list) },
        {
          ALT: () => {
            this.CONSUME(t.LeftParen);
            const inner = this.SUBRULE(this.expression);
            this.CONSUME(t.RightParen);
            return { kind: 'group', inner, span: this.spanFrom(start) };
          },
        },
        { ALT: () => this.SUBRULE(this.ifExpression) },
        { ALT: () => this.SUBRULE(this.collect) },
        { ALT: () => this.SUBRULE(this.share) },
      ]);
    },
    { recoveryValueFunc: () => NO_EXPR },
  );

  private readonly reference = this.RULE(
    'reference',
    (): ast.Expr => {
      const start = this.start();
      const name = this.nameOf(this.CONSUME(t.Name));
      let value: ast.Expr | undefined;
      this.OPTION(() => {
        const args = this.SUBRULE(this.args);
        const span = this.spanFrom(start);
        const label = this.SUBRULE(this.label);
        this.ACTION(() => {
          value = { kind: 'call', callee: name, args, label, span };
        });
      });
      return value ?? { kind: 'name', name, span: this.spanFrom(start) };
    },
    { recoveryValueFunc: () => NO_EXPR },
  );

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
    },
    { recoveryValueFunc: () => [] },
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
