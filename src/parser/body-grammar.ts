import { EMPTY_SPAN, NO_EXPR } from './argument-grammar.js';
import type * as ast from './ast.js';
import { PipelineParser } from './pipeline-grammar.js';
import * as t from './tokens.js';

export const NO_BODY: ast.Body = { lets: [], result: undefined, span: EMPTY_SPAN };

/** The grammar of bodies, and of what has a body: `if` and `collect`. */
export class BodyParser extends PipelineParser {
  protected readonly let = this.RULE(
    'let',
    (): ast.Let | undefined => {
      const start = this.start();
      const names: ast.Name[] = [];
      let isList = false;
      const read = (): ast.Let => {
        this.CONSUME(t.LetKeyword);
        this.OR([
          { ALT: () => names.push(this.nameOf(this.CONSUME(t.Name))) },
          {
            ALT: () => {
              isList = true;
              this.CONSUME(t.LeftBracket);
              this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => names.push(this.nameOf(this.CONSUME2(t.Name))) });
              this.CONSUME(t.RightBracket);
            },
          },
        ]);
        this.CONSUME(t.Equal);
        const value = this.SUBRULE(this.expression);
        return { kind: 'let', names, isList, value, span: this.spanFrom(start) };
      };
      return this.keeping<ast.Let | undefined>('let', read, () => {
        const value = this.readOf<ast.Expr>('expression') ?? NO_EXPR;
        return names.length === 0 ? undefined : { kind: 'let', names, isList, value, span: this.spanFrom(start) };
      });
    },
    { recoveryValueFunc: () => this.readOf('let') },
  );

  protected readonly body = this.RULE(
    'body',
    (): ast.Body => {
      const start = this.start();
      const lets: ast.Let[] = [];
      const lost: ast.Expr[] = [];
      let result: ast.Expr | undefined;
      const read = (): ast.Body => {
        this.CONSUME(t.LeftBrace);
        this.MANY(() => {
          this.OR([
            {
              ALT: () => {
                const item = this.SUBRULE(this.let);
                this.ACTION(() => {
                  if (item === undefined) return;
                  if (this.isLost(result)) lost.push(result);
                  result = undefined;
                  lets.push(item);
                });
              },
            },
            {
              ALT: () => {
                const value = this.SUBRULE(this.expression);
                this.ACTION(() => {
                  if (this.isLost(result)) lost.push(result);
                  result = value;
                });
              },
            },
          ]);
        });
        this.CONSUME(t.RightBrace);
        return { lets, ...(lost.length > 0 && { lost }), result, span: this.spanFrom(start) };
      };
      return this.keeping('body', read, () => {
        const item = this.readOf<ast.Let>('let');
        if (item !== undefined) lets.push(item);
        const last = this.readOf<ast.Expr>('expression');
        if (last !== undefined && this.isLost(result)) lost.push(result);
        return { lets, lost, result: last ?? result, span: this.spanFrom(start) };
      });
    },
    { recoveryValueFunc: () => this.readOf('body') ?? NO_BODY },
  );

  /** Reports a value that another one follows. */
  private isLost(value: ast.Expr | undefined): value is ast.Expr {
    if (value === undefined || value === NO_EXPR) return false;
    this.misuses.push({ kind: 'lost-value', span: value.span });
    return true;
  }

  protected readonly collect = this.RULE(
    'collect',
    (): ast.Expr => {
      const start = this.start();
      this.CONSUME(t.Collect);
      const { variable, over } = this.SUBRULE(this.iterations);
      const body = this.SUBRULE(this.body);
      const span = this.spanFrom(start);
      const label = this.SUBRULE(this.label);
      return { kind: 'collect', variable, over, body, label, span };
    },
    { recoveryValueFunc: () => NO_EXPR },
  );

  protected readonly ifExpression = this.RULE(
    'ifExpression',
    (): ast.Expr => {
      const start = this.start();
      const branches: { condition: ast.Expr; body: ast.Body }[] = [];
      let otherwise: ast.Body | undefined;
      this.CONSUME(t.If);
      const condition = this.SUBRULE(this.operation);
      const first = this.SUBRULE(this.body);
      branches.push({ condition, body: first });
      this.MANY(() => {
        this.CONSUME(t.Else);
        this.CONSUME2(t.If);
        const next = this.SUBRULE2(this.operation);
        const body = this.SUBRULE2(this.body);
        this.ACTION(() => branches.push({ condition: next, body }));
      });
      this.OPTION(() => {
        this.CONSUME2(t.Else);
        otherwise = this.SUBRULE3(this.body);
      });
      return { kind: 'if', branches, otherwise, span: this.spanFrom(start) };
    },
    { recoveryValueFunc: () => NO_EXPR },
  );
}
