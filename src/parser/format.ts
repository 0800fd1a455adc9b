import { type Source, UserError } from '../diagnostics/diagnostic.js';
import type { Arg, BinaryExpr, Body, Expr, IfStage, KeepItem, ParameterItem, RepeatStage, Section, SettingItem, Stage } from './ast.js';
import { type Doc, group, hardline, indent, line, printDoc, softline, wideLine } from './doc.js';
import { leftSpine } from './operators.js';
import { parseAmp } from './parse.js';
import { TokenCursor } from './token-cursor.js';

const WIDTH = 100;

/**
 * The text in the standard style: two spaces, pipelines broken where the author broke them and where a line would get longer
 * than 100 columns, comments kept. Formatting twice changes nothing. Throws UserError when the text has syntax errors.
 */
export function formatAmp(input: Source | string): string {
  const source: Source = typeof input === 'string' ? { path: '<input>', text: input } : input;
  const { text } = source;
  const { file, diagnostics, tokens, comments } = parseAmp(text);
  if (diagnostics.some((d) => d.severity === 'error')) throw new UserError(diagnostics, source);
  const cursor = new TokenCursor(text, tokens, comments);
  const printer = new Printer(cursor);
  const sections: Doc[] = file.sections.map((section, i) => {
    const joined = i > 0 && (section.kind === 'let' || section.kind === 'use') && file.sections[i - 1]!.kind === section.kind;
    const lead = cursor.lead(i === 0 ? 'none' : joined ? 'keep' : 'blank');
    return [i === 0 ? '' : hardline, lead, printer.section(section)];
  });
  const end = cursor.lead(file.sections.length === 0 ? 'none' : 'keep');
  const printed = printDoc([sections, hardline, end], WIDTH);
  return printed.trim() === '' ? '' : printed;
}

type IndentStyle = 'aligned' | 'indented';

/** Prints the tree while it takes the very tokens of the text from the cursor. */
class Printer {
  private readonly cursor: TokenCursor;

  constructor(cursor: TokenCursor) {
    this.cursor = cursor;
  }

  private take(expected?: string): Doc {
    return this.cursor.take(expected);
  }

  section(section: Section): Doc {
    switch (section.kind) {
      case 'let':
        return this.let(section);
      case 'use':
        return [this.take('use'), ' ', this.take()];
      case 'dataset': {
        const head: Doc = [this.take('dataset'), ' ', this.take()];
        return this.cursor.peek() === '{' ? [head, ' ', this.settings(section.items)] : head;
      }
      case 'precision':
      case 'train':
        return [this.take(section.kind), ' ', this.settings(section.items)];
      case 'model': {
        const head: Doc[] = [this.take('model'), ' ', this.take()];
        const inputs = section.inputs.map((input) => (): Doc => [this.take(), this.take(':'), ' ', this.expr(input.shape)]);
        head.push(this.brackets('(', inputs, ')'), ' ', this.take('->'), ' ', this.expr(section.output), ' ');
        return [head, this.body(section.body, true)];
      }
      case 'block': {
        const head: Doc[] = [this.take('block'), ' ', this.take()];
        const params = section.params.map((param) => (): Doc => {
          const name = this.take();
          return param.default === undefined ? name : [name, ' ', this.take('='), ' ', this.expr(param.default)];
        });
        head.push(this.brackets('(', params, ')'), ' ');
        return [head, this.body(section.body, false)];
      }
    }
  }

  private settings(items: readonly (SettingItem | KeepItem | ParameterItem)[]): Doc {
    const broken = this.cursor.breaksAfterNext();
    const open = this.take('{');
    const content = items.map((item, i): Doc => {
      const lead = this.cursor.lead(i === 0 ? 'none' : 'keep');
      return [i === 0 ? '' : broken ? hardline : wideLine, lead, this.setting(item)];
    });
    return this.braced(open, content, items.length === 0, broken);
  }

  private setting(item: SettingItem | KeepItem | ParameterItem): Doc {
    if (item.kind === 'keep') return [this.take('keep'), ' ', this.take(), ' ', this.take('in'), ' ', this.take()];
    if (item.kind !== 'setting') {
      const head: Doc = [this.take(item.kind), ' ', this.take()];
      return item.value === undefined ? head : [head, ' ', this.expr(item.value)];
    }
    if (item.value.span.start === item.span.start) return this.expr(item.value);
    return [this.take(), ' ', this.expr(item.value)];
  }

  /** Takes the `}` and puts the braces around `content`; `broken`: on lines of their own whether or not it would fit. */
  private braced(open: Doc, content: Doc, empty: boolean, broken: boolean): Doc {
    const { inside, closer } = this.cursor.takeCloser('}', !empty);
    if (empty) return group(open, indent(inside), softline, closer);
    const edge = broken ? hardline : line;
    return group(open, indent(edge, content, inside), edge, closer);
  }

  private body(body: Body, isModel: boolean): Doc {
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

  private let(item: Extract<Section, { kind: 'let' }>): Doc {
    const names = item.names.map(() => (): Doc => this.take());
    const target = item.isList ? (): Doc => this.brackets('[', names, ']') : (): Doc => this.take();
    return [this.take('let'), ' ', target(), ' ', this.take('='), ' ', this.expr(item.value)];
  }

  private brackets(open: string, items: readonly (() => Doc)[], close: string): Doc {
    const left = this.take(open);
    const content = items.map((item, i): Doc => (i === 0 ? item() : [this.take(','), line, item()]));
    if (items.length > 0) content.push(this.cursor.skip(','));
    const { inside, closer } = this.cursor.takeCloser(close, false);
    return group(left, indent(softline, content, inside), softline, closer);
  }

  private args(args: readonly Arg[]): Doc {
    return this.brackets(
      '(',
      args.map(
        (arg) => (): Doc => (arg.name === undefined ? this.expr(arg.value) : [this.take(), this.take(':'), ' ', this.expr(arg.value)]),
      ),
      ')',
    );
  }

  private expr(expr: Expr, style: IndentStyle = 'indented'): Doc {
    switch (expr.kind) {
      case 'number':
      case 'boolean':
      case 'string':
      case 'name':
        return this.take();
      case 'property':
        return [this.expr(expr.object), this.take('.'), this.take()];
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
