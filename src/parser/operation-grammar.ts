import type { ParserMethod } from 'chevrotain';
import { ArgumentParser, NO_EXPR } from './argument-grammar.js';
import type * as ast from './ast.js';
import { buildBinary, type Operand } from './operators.js';
import * as t from './tokens.js';

/** The grammar of operations and operands. */
export abstract class OperationParser extends ArgumentParser {
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
      const indices: ast.Expr[] = [];
      // A list may begin a line, so an index follows without a blank.
      this.MANY({
        GATE: () => this.start() === t.tokenEnd(this.LA(0)),
        DEF: () => {
          this.CONSUME(t.LeftBracket);
          const index = this.SUBRULE(this.expression);
          this.CONSUME(t.RightBracket);
          this.ACTION(() => indices.push(index));
        },
      });
      const indexed = this.spanFrom(start);
      this.ACTION(() => {
        if (indices.length > 0) value = { kind: 'index', object: value, indices, span: indexed };
      });
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
            this.CONSUME(t.DatasetValue);
            return { kind: 'dataset', span: this.spanFrom(start) };
          },
        },
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
}
