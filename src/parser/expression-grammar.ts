import { EMPTY_SPAN, NO_EXPR } from './argument-grammar.js';
import type * as ast from './ast.js';
import { OperationParser } from './operation-grammar.js';
import * as t from './tokens.js';

interface Iterations {
  readonly variable: ast.Name | undefined;
  readonly over: ast.RepeatOver;
}

const NO_ITERATIONS: Iterations = { variable: undefined, over: { kind: 'count', count: NO_EXPR } };
const NO_BODY: ast.Body = { lets: [], result: undefined, span: EMPTY_SPAN };

/** The grammar of bodies, pipelines and their stages. */
export class ExpressionParser extends OperationParser {
  protected readonly let = this.RULE(
    'let',
    (): ast.Let | undefined => {
      const start = this.start();
      const names: ast.Name[] = [];
      let isList = false;
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
    },
    { recoveryValueFunc: () => undefined },
  );

  protected readonly body = this.RULE(
    'body',
    (): ast.Body => {
      const start = this.start();
      const lets: ast.Let[] = [];
      let result: ast.Expr | undefined;
      this.CONSUME(t.LeftBrace);
      this.MANY(() => {
        this.OR([
          {
            ALT: () => {
              const item = this.SUBRULE(this.let);
              this.ACTION(() => {
                if (item === undefined) return;
                this.loseValue(result);
                result = undefined;
                lets.push(item);
              });
            },
          },
          {
            ALT: () => {
              const value = this.SUBRULE(this.expression);
              this.ACTION(() => {
                this.loseValue(result);
                result = value;
              });
            },
          },
        ]);
      });
      this.CONSUME(t.RightBrace);
      return { lets, result, span: this.spanFrom(start) };
    },
    { recoveryValueFunc: () => NO_BODY },
  );

  private loseValue(value: ast.Expr | undefined): void {
    if (value !== undefined && value !== NO_EXPR) this.misuses.push({ kind: 'lost-value', span: value.span });
  }

  readonly expression = this.RULE(
    'expression',
    (): ast.Expr => {
      const start = this.start();
      const head = this.SUBRULE(this.operation);
      const stages: ast.Stage[] = [];
      this.MANY(() => {
        this.CONSUME(t.Pipe);
        const stage = this.SUBRULE(this.stage);
        this.ACTION(() => {
          if (stage !== undefined) stages.push(stage);
        });
      });
      return stages.length === 0 ? head : { kind: 'pipeline', head, stages, span: this.spanFrom(start) };
    },
    { recoveryValueFunc: () => NO_EXPR },
  );

  private readonly stage = this.RULE(
    'stage',
    (): ast.Stage | undefined => {
      return this.OR<ast.Stage | undefined>([
        { ALT: () => this.SUBRULE(this.repeat) },
        { ALT: () => this.SUBRULE(this.ifStage) },
        { ALT: () => this.SUBRULE(this.callStage) },
      ]);
    },
    { recoveryValueFunc: () => undefined },
  );

  private readonly callStage = this.RULE(
    'callStage',
    (): ast.CallStage | undefined => {
      const start = this.start();
      const callee = this.nameOf(this.CONSUME(t.Name));
      let args: readonly ast.Arg[] | undefined;
      this.OPTION(() => {
        args = this.SUBRULE(this.args);
      });
      const span = this.spanFrom(start);
      const label = this.SUBRULE(this.label);
      return { kind: 'stage', callee, parens: args !== undefined, args: args ?? [], label, span };
    },
    { recoveryValueFunc: () => undefined },
  );

  private readonly repeat = this.RULE(
    'repeat',
    (): ast.RepeatStage | undefined => {
      const start = this.start();
      this.CONSUME(t.Repeat);
      const { variable, over } = this.SUBRULE(this.iterations);
      const stages = this.SUBRULE(this.stages);
      const span = this.spanFrom(start);
      const label = this.SUBRULE(this.label);
      return { kind: 'repeat', variable, over, stages, label, span };
    },
    { recoveryValueFunc: () => undefined },
  );

  /** `3`, `i in 0..3`, `stride in [2, 1]`. */
  private readonly iterations = this.RULE(
    'iterations',
    (): Iterations => {
      return this.OR<Iterations>([
        {
          ALT: () => {
            const variable = this.nameOf(this.CONSUME(t.Name));
            this.CONSUME(t.In);
            const from = this.SUBRULE(this.operation);
            let to: ast.Expr | undefined;
            this.OPTION(() => {
              this.CONSUME(t.Range);
              to = this.SUBRULE2(this.operation);
            });
            return { variable, over: to === undefined ? { kind: 'each', list: from } : { kind: 'range', from, to } };
          },
        },
        { ALT: () => ({ variable: undefined, over: { kind: 'count', count: this.SUBRULE3(this.operation) } }) },
      ]);
    },
    { recoveryValueFunc: () => NO_ITERATIONS },
  );

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

  protected readonly share = this.RULE(
    'share',
    (): ast.Expr => {
      const start = this.start();
      this.CONSUME(t.Share);
      const stage = this.SUBRULE(this.callStage);
      const span = this.spanFrom(start);
      return this.ACTION((): ast.Expr => (stage === undefined ? NO_EXPR : { kind: 'share', stage, span }));
    },
    { recoveryValueFunc: () => NO_EXPR },
  );

  private readonly stages = this.RULE(
    'stages',
    (): readonly ast.Stage[] => {
      const stages: ast.Stage[] = [];
      this.CONSUME(t.LeftBrace);
      this.AT_LEAST_ONE_SEP({
        SEP: t.Pipe,
        DEF: () => {
          const stage = this.SUBRULE(this.stage);
          this.ACTION(() => {
            if (stage !== undefined) stages.push(stage);
          });
        },
      });
      this.CONSUME(t.RightBrace);
      return stages;
    },
    { recoveryValueFunc: () => [] },
  );

  private readonly ifStage = this.RULE(
    'ifStage',
    (): ast.IfStage | undefined => {
      const start = this.start();
      const branches: { condition: ast.Expr; stages: readonly ast.Stage[] }[] = [];
      let otherwise: readonly ast.Stage[] | undefined;
      this.CONSUME(t.If);
      const condition = this.SUBRULE(this.operation);
      const stages = this.SUBRULE(this.stages);
      branches.push({ condition, stages });
      this.MANY(() => {
        this.CONSUME(t.Else);
        this.CONSUME2(t.If);
        const next = this.SUBRULE2(this.operation);
        const body = this.SUBRULE2(this.stages);
        this.ACTION(() => branches.push({ condition: next, stages: body }));
      });
      this.OPTION(() => {
        this.CONSUME2(t.Else);
        otherwise = this.SUBRULE3(this.stages);
      });
      return { kind: 'if-stage', branches, otherwise, span: this.spanFrom(start) };
    },
    { recoveryValueFunc: () => undefined },
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
