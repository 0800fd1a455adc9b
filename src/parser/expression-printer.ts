import type { Arg, BinaryExpr, Body, Expr, IfStage, Let, RepeatStage, Stage } from './ast.js';
import { type Doc, group, hardline, indent, line, softline } from './doc.js';
import { leftSpine } from './operators.js';
import type { TokenCursor } from './token-cursor.js';

type IndentStyle = 'aligned' | 'indented';

/** Prints bodies and expressions while it takes the very tokens of the text from the cursor. */
export class ExpressionPrinter {
  protected readonly cursor: TokenCursor;

  constructor(cursor: TokenCursor) {
    this.cursor = cursor;
  }

  protected take(expected?: string): Doc {
    return this.cursor.take(expected);
  }

  /** Takes the `}` and puts the braces around `content`; `broken`: on lines of their own whether or not it would fit. */
  protected braced(open: Doc, content: Doc, empty: boolean, broken: boolean): Doc {
    const { inside, closer } = this.cursor.takeCloser('}', !empty);
    if (empty) return group(open, indent(inside), softline, closer);
    const edge = broken ? hardline : line;
    return group(open, indent(edge, content, inside), edge, closer);
  }

  protected body(body: Body, isModel: boolean): Doc {
    const broken = this.cursor.breaksAfterNext() || isModel || body.lets.length > 0;
    const open = this.take('{');
    const content: Doc[] = [];
    const lead = () => content.push(content.length === 0 ? '' : hardline, this.cursor.lead(content.length <= 1 ? 'none' : 'keep'));
    for (const item of body.lets) {
      lead();
      content.push(this.let(item));
    }
    if (body.result !== undefined) {
      lead();
      content.push(this.expr(body.result, 'aligned'));
    }
    return this.braced(open, content, content.length === 0, broken && content.length > 0);
  }

  protected let(item: Let): Doc {
    const names = item.names.map(() => (): Doc => this.take());
    const target = item.isList ? (): Doc => this.brackets('[', names, ']') : (): Doc => this.take();
    return [this.take('let'), ' ', target(), ' ', this.take('='), ' ', this.expr(item.value)];
  }

  protected brackets(open: string, items: readonly (() => Doc)[], close: string): Doc {
    const left = this.take(open);
    const content = items.map((item, i): Doc => (i === 0 ? item() : [this.take(','), line, item()]));
    if (items.length > 0) content.push(this.cursor.skip(','));
    const { inside, closer } = this.cursor.takeCloser(close, false);
    return group(left, indent(softline, content, inside), softline, closer);
  }

  protected args(args: readonly Arg[]): Doc {
    return this.brackets(
      '(',
      args.map(
        (arg) => (): Doc => (arg.name === undefined ? this.expr(arg.value) : [this.take(), this.take(':'), ' ', this.expr(arg.value)]),
      ),
      ')',
    );
  }

  protected expr(expr: Expr, style: IndentStyle = 'indented'): Doc {
    switch (expr.kind) {
      case 'number':
      case 'boolean':
      case 'string':
      case 'name':
      case 'dataset':
        return this.take();
      case 'property':
        return [this.expr(expr.object), this.take('.'), this.take()];
      case 'index':
        return [this.expr(expr.object), expr.indices.map((index): Doc => [this.take('['), this.expr(index), this.take(']')])];
      case 'list':
        return this.brackets(
          '[',
          expr.items.map((item) => () => this.expr(item)),
          ']',
        );
      case 'group':
        return [this.take('('), this.expr(expr.inner), this.take(')')];
      case 'unary':
        return [this.take(expr.operator), expr.operator === 'not' ? ' ' : '', this.expr(expr.operand)];
      case 'binary':
        return this.operation(expr);
      case 'call':
        return [this.take(), this.args(expr.args), this.label(expr.label !== undefined)];
      case 'share':
        return [this.take('share'), ' ', this.stage(expr.stage)];
      case 'collect':
        return [this.take('collect'), ' ', this.iterations(expr), ' ', this.body(expr.body, false), this.label(expr.label !== undefined)];
      case 'if':
        return this.conditional(
          expr.branches,
          (branch) => this.body(branch.body, false),
          expr.otherwise && (() => this.body(expr.otherwise!, false)),
        );
      case 'pipeline': {
        const head = this.expr(expr.head);
        const tail = this.pipeline(expr.stages);
        return group(head, style === 'indented' ? indent(tail) : tail);
      }
    }
  }

  private operation(expr: BinaryExpr): Doc {
    const { first, rest } = leftSpine(expr);
    const start = this.expr(first);
    return [start, rest.map((part): Doc => [' ', this.take(part.operator), ' ', this.expr(part.right)])];
  }

  private conditional<B extends { readonly condition: Expr }>(
    branches: readonly B[],
    content: (branch: B) => Doc,
    otherwise: (() => Doc) | undefined,
  ): Doc {
    const docs = branches.map((branch, i): Doc => {
      const before: Doc = i === 0 ? '' : [' ', this.take('else'), ' '];
      return [before, this.take('if'), ' ', this.expr(branch.condition), ' ', content(branch)];
    });
    if (otherwise !== undefined) docs.push([' ', this.take('else'), ' ', otherwise()]);
    return group(docs);
  }

  /** `|> stage |> stage`: the first goes on a new line if the whole does not fit, each other one only where its line is full. */
  private pipeline(stages: readonly Stage[]): Doc {
    return stages.map((stage, i): Doc => {
      const broken = this.cursor.startsLine();
      const lead = broken ? this.cursor.lead('keep') : '';
      const content: Doc = [this.take('|>'), ' ', this.stage(stage)];
      if (broken) return [hardline, lead, content];
      return i === 0 ? [line, content] : group(line, content);
    });
  }

  private stages(stages: readonly Stage[]): Doc {
    const broken = this.cursor.breaksAfterNext();
    const open = this.take('{');
    const lead = this.cursor.lead('none');
    const first = this.stage(stages[0]!);
    return this.braced(open, [lead, first, this.pipeline(stages.slice(1))], false, broken);
  }

  private stage(stage: Stage): Doc {
    switch (stage.kind) {
      case 'stage': {
        const call: Doc = [this.take(), stage.parens ? this.args(stage.args) : ''];
        return [call, this.label(stage.label !== undefined)];
      }
      case 'repeat': {
        const head: Doc = [this.take('repeat'), ' ', this.iterations(stage), ' '];
        return [head, this.stages(stage.stages), this.label(stage.label !== undefined)];
      }
      case 'if-stage':
        return this.ifStage(stage);
    }
  }

  private iterations({ variable, over }: Pick<RepeatStage, 'variable' | 'over'>): Doc {
    const head: Doc = variable === undefined ? '' : [this.take(), ' ', this.take('in'), ' '];
    switch (over.kind) {
      case 'count':
        return [head, this.expr(over.count)];
      case 'each':
        return [head, this.expr(over.list)];
      case 'range':
        return [head, this.expr(over.from), this.take('..'), this.expr(over.to)];
    }
  }

  private ifStage(stage: IfStage): Doc {
    return this.conditional(
      stage.branches,
      (branch) => this.stages(branch.stages),
      stage.otherwise && (() => this.stages(stage.otherwise!)),
    );
  }

  private label(present: boolean): Doc {
    return present ? [' ', this.take('as'), ' ', this.take()] : '';
  }
}
