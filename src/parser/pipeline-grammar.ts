import { NO_EXPR } from './argument-grammar.js';
import type * as ast from './ast.js';
import { OperationParser } from './operation-grammar.js';
import * as t from './tokens.js';

interface Iterations {
  readonly variable: ast.Name | undefined;
  readonly over: ast.RepeatOver;
}

const NO_ITERATIONS: Iterations = { variable: undefined, over: { kind: 'count', count: NO_EXPR } };

/** The grammar of pipelines and their stages. */
export abstract class PipelineParser extends OperationParser {
  readonly expression = this.RULE(
    'expression',
    (): ast.Expr => {
      const start = this.start();
      let head = NO_EXPR;
      const stages: ast.Stage[] = [];
      const read = (): ast.Expr => {
        head = this.SUBRULE(this.operation);
        this.MANY(() => {
          this.CONSUME(t.Pipe);
          const stage = this.SUBRULE(this.stage);
          this.ACTION(() => {
            if (stage !== undefined) stages.push(stage);
          });
        });
        return stages.length === 0 ? head : { kind: 'pipeline', head, stages, span: this.spanFrom(start) };
      };
      return this.keeping('expression', read, () => {
        const stage = this.readOf<ast.Stage>('stage');
        if (stage !== undefined) stages.push(stage);
        return stages.length === 0 ? head : { kind: 'pipeline', head, stages, span: this.spanFrom(start) };
      });
    },
    { recoveryValueFunc: () => this.readOf('expression') ?? NO_EXPR },
  );

  private readonly stage = this.RULE(
    'stage',
    (): ast.Stage | undefined => {
      const read = () =>
        this.OR<ast.Stage | undefined>([
          { ALT: () => this.SUBRULE(this.repeat) },
          { ALT: () => this.SUBRULE(this.ifStage) },
          { ALT: () => this.SUBRULE(this.callStage) },
        ]);
      return this.keeping(
        'stage',
        read,
        () => this.readOf<ast.Stage>('repeat') ?? this.readOf<ast.Stage>('ifStage') ?? this.readOf<ast.Stage>('callStage'),
      );
    },
    { recoveryValueFunc: () => this.readOf('stage') },
  );

  private readonly callStage = this.RULE(
    'callStage',
    (): ast.CallStage | undefined => {
      const start = this.start();
      let callee: ast.Name | undefined;
      let args: readonly ast.Arg[] | undefined;
      const read = (): ast.CallStage => {
        const name = this.nameOf(this.CONSUME(t.Name));
        callee = name;
        this.OPTION(() => {
          args = this.SUBRULE(this.args);
        });
        const span = this.spanFrom(start);
        const label = this.SUBRULE(this.label);
        return { kind: 'stage', callee: name, parens: args !== undefined, args: args ?? [], label, span };
      };
      return this.keeping<ast.CallStage | undefined>('callStage', read, () => {
        args ??= this.readOf<readonly ast.Arg[]>('args');
        return (
          callee && { kind: 'stage', callee, parens: args !== undefined, args: args ?? [], label: undefined, span: this.spanFrom(start) }
        );
      });
    },
    { recoveryValueFunc: () => this.readOf('callStage') },
  );

  private readonly repeat = this.RULE(
    'repeat',
    (): ast.RepeatStage | undefined => {
      const start = this.start();
      let iterations = NO_ITERATIONS;
      let stages: readonly ast.Stage[] = [];
      const read = (): ast.RepeatStage => {
        this.CONSUME(t.Repeat);
        iterations = this.SUBRULE(this.iterations);
        stages = this.SUBRULE(this.stages);
        const span = this.spanFrom(start);
        const label = this.SUBRULE(this.label);
        return { kind: 'repeat', ...iterations, stages, label, span };
      };
      return this.keeping<ast.RepeatStage | undefined>('repeat', read, () => {
        if (stages.length === 0) stages = this.readOf<readonly ast.Stage[]>('stages') ?? [];
        return { kind: 'repeat', ...iterations, stages, label: undefined, span: this.spanFrom(start) };
      });
    },
    { recoveryValueFunc: () => this.readOf('repeat') },
  );

  /** `3`, `i in 0..3`, `stride in [2, 1]`. */
  protected readonly iterations = this.RULE(
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
      const read = () => {
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
      };
      return this.keeping('stages', read, () => {
        const stage = this.readOf<ast.Stage>('stage');
        return stage === undefined ? stages : [...stages, stage];
      });
    },
    { recoveryValueFunc: () => this.readOf('stages') ?? [] },
  );

  private readonly ifStage = this.RULE(
    'ifStage',
    (): ast.IfStage | undefined => {
      const start = this.start();
      const branches: { condition: ast.Expr; stages: readonly ast.Stage[] }[] = [];
      let otherwise: readonly ast.Stage[] | undefined;
      const read = (): ast.IfStage => {
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
      };
      return this.keeping<ast.IfStage | undefined>('ifStage', read, () => {
        const stages = this.readOf<readonly ast.Stage[]>('stages');
        if (stages !== undefined) branches.push({ condition: NO_EXPR, stages });
        return branches.length === 0 ? undefined : { kind: 'if-stage', branches, otherwise, span: this.spanFrom(start) };
      });
    },
    { recoveryValueFunc: () => this.readOf('ifStage') },
  );
}
