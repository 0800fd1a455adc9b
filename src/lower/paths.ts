import type { Span } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import type { Body, Expr, Name, Stage } from '../parser/ast.js';

/** Names of the layers of one model, block call or iteration. They become the names of weights: `stage1.0.conv1.weight`. */
export class LayerPath {
  private readonly prefix: string;
  private readonly reserved: ReadonlySet<string>;
  private readonly used = new Map<string, Span>();
  private readonly counters = new Map<string, number>();

  /** `reserved`: the labels written in the text, which automatic names avoid. */
  constructor(prefix: string, reserved: ReadonlySet<string>) {
    this.prefix = prefix;
    this.reserved = reserved;
  }

  /** Full path of a layer: its label, or its kind with a counter (`conv2d_1`). Reports a label that is taken. */
  child(label: Name | undefined, kind: string, sink: DiagnosticSink): string {
    if (label === undefined || label.text === '') return this.join(this.automatic(kind));
    const first = this.used.get(label.text);
    if (first !== undefined) {
      sink.error('AMP2007', label.span, `two layers are named \`${label.text}\``, {
        why: 'the name of a layer becomes the name of its weights',
        fix: 'give one of them another name',
        related: [{ span: first, message: 'the first one' }],
      });
      return this.join(this.automatic(label.text));
    }
    this.used.set(label.text, label.span);
    return this.join(label.text);
  }

  private automatic(kind: string): string {
    for (;;) {
      const count = (this.counters.get(kind) ?? 0) + 1;
      this.counters.set(kind, count);
      const name = `${kind}_${count}`;
      if (!this.reserved.has(name)) return name;
    }
  }

  private join(name: string): string {
    return this.prefix === '' ? name : `${this.prefix}.${name}`;
  }
}

const cache = new WeakMap<Body | readonly Stage[], ReadonlySet<string>>();

/** Labels that belong to the path of a body or of the stages of an iteration. */
export function labelsOf(part: Body | readonly Stage[]): ReadonlySet<string> {
  const known = cache.get(part);
  if (known !== undefined) return known;
  const labels = new Set<string>();
  if ('lets' in part) collectBody(part, labels);
  else collectStages(part, labels);
  cache.set(part, labels);
  return labels;
}

function collectBody(body: Body, labels: Set<string>): void {
  for (const item of body.lets) collectExpr(item.value, labels);
  if (body.result !== undefined) collectExpr(body.result, labels);
}

function collectExpr(expr: Expr, labels: Set<string>): void {
  if (expr.kind === 'pipeline') {
    collectExpr(expr.head, labels);
    collectStages(expr.stages, labels);
  } else if (expr.kind === 'if') {
    for (const branch of expr.branches) collectBody(branch.body, labels);
    if (expr.otherwise !== undefined) collectBody(expr.otherwise, labels);
  } else if (expr.kind === 'group') {
    collectExpr(expr.inner, labels);
  }
}

function collectStages(stages: readonly Stage[], labels: Set<string>): void {
  for (const stage of stages) {
    if (stage.kind === 'if-stage') {
      for (const branch of stage.branches) collectStages(branch.stages, labels);
      if (stage.otherwise !== undefined) collectStages(stage.otherwise, labels);
      continue;
    }
    if (stage.label !== undefined) labels.add(stage.label.text);
    if (stage.kind === 'stage') for (const arg of stage.args) collectExpr(arg.value, labels);
  }
}
