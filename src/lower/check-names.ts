import type { Span } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { suggestion } from '../diagnostics/suggest.js';
import type { Arg, BlockSection, Body, CallStage, Expr, Let, ModelSection, Name, Stage } from '../parser/ast.js';
import { leftSpine } from '../parser/operators.js';
import { bindArguments } from './bind.js';
import { FUNCTIONS, reportCall, WORDS } from './evaluate.js';
import { findLayer } from './layers.js';
import { calleeNames, reportUnknownLayer } from './model.js';
import { blockSignature, layerSignature } from './signature.js';

export interface NameContext {
  readonly sink: DiagnosticSink;
  readonly blocks: ReadonlyMap<string, BlockSection>;
  /** Whether a part of the text has a syntax error, so that what is in it is not to be trusted. */
  readonly broken: (span: Span) => boolean;
  /** The block that is being read, if any. */
  readonly within: readonly string[];
}

/** Names in scope with the number of reads of each `let`. */
class Names {
  readonly own = new Map<string, { readonly span: Span; readonly let: boolean; reads: number }>();
  private readonly parent: Names | undefined;

  constructor(parent?: Names) {
    this.parent = parent;
  }

  find(name: string): { reads: number; readonly span: Span } | undefined {
    return this.own.get(name) ?? this.parent?.find(name);
  }

  all(): readonly string[] {
    return [...this.own.keys(), ...(this.parent?.all() ?? [])];
  }
}

/**
 * Checks all that needs no shapes: that names are declared once and known, layers exist and get their arguments. Unlike lowering it also sees
 * blocks that nothing calls and branches that are not taken.
 */
export function checkNames(lets: readonly Let[], models: readonly ModelSection[], context: NameContext): void {
  const globals = new Names();
  for (const item of lets) {
    checkExpr(item.value, globals, context);
    declare(item.name, globals, true, context);
    globals.own.get(item.name.text)!.reads = 1;
  }
  for (const block of context.blocks.values()) {
    const names = new Names(globals);
    if (findLayer(block.name.text) !== undefined) {
      context.sink.error('AMP2007', block.name.span, `\`${block.name.text}\` is already a layer of the language`, {
        fix: 'give the block another name',
      });
    }
    for (const param of block.params) {
      if (param.default !== undefined) checkExpr(param.default, names, context);
      declare(param.name, names, false, context);
    }
    if (block.params.length === 0) {
      context.sink.error('AMP2003', block.name.span, `block \`${block.name.text}\` has no parameters`, {
        why: 'the first parameter of a block is the piped value',
        fix: `write \`block ${block.name.text}(x)\``,
      });
    }
    checkBody(block.body, names, { ...context, within: [block.name.text] });
  }
  for (const model of models) {
    const names = new Names(globals);
    for (const input of model.inputs) declare(input.name, names, false, context);
    checkBody(model.body, names, context);
  }
}

function declare(name: Name, names: Names, isLet: boolean, { sink }: NameContext): void {
  const first = names.own.get(name.text);
  if (first !== undefined && name.text !== '') {
    sink.error('AMP2007', name.span, `\`${name.text}\` is declared twice`, {
      why: 'a name means one thing in its scope',
      fix: 'give one of them another name',
      related: [{ span: first.span, message: 'first declared here' }],
    });
    return;
  }
  names.own.set(name.text, { span: name.span, let: isLet, reads: 0 });
}

function checkBody(body: Body, names: Names, context: NameContext): void {
  for (const item of body.lets) {
    checkExpr(item.value, names, context);
    declare(item.name, names, true, context);
  }
  if (body.result !== undefined) checkExpr(body.result, names, context);
  else if (body.span.end > 0 && !context.broken(body.span)) {
    context.sink.error('AMP1011', { start: body.span.end - 1, end: body.span.end }, 'this body has no result', {
      why: 'its last line is the value that it results in',
      fix: 'end it with a value',
    });
  }
  if (context.broken(body.span)) return;
  for (const [name, { let: isLet, reads, span }] of names.own) {
    if (isLet && reads === 0)
      context.sink.warning('AMP2014', span, `\`${name}\` is never used`, {
        why: 'nothing reads it; layers in it are left out of the model',
        fix: 'use it, or remove it',
      });
  }
}

function checkExpr(expr: Expr, names: Names, context: NameContext): void {
  const { sink } = context;
  switch (expr.kind) {
    case 'number':
    case 'boolean':
    case 'string':
      return;
    case 'name': {
      const { text, span } = expr.name;
      const known = names.find(text);
      if (known !== undefined) known.reads++;
      else if (text !== '' && !WORDS.includes(text)) {
        sink.error('AMP2008', span, `unknown name \`${text}\``, {
          why: 'it is no parameter and no `let` before this place',
          fix: suggestion(text, names.all(), 'names'),
        });
      }
      return;
    }
    case 'property':
      checkExpr(expr.object, names, context);
      return;
    case 'group':
      checkExpr(expr.inner, names, context);
      return;
    case 'unary':
      checkExpr(expr.operand, names, context);
      return;
    case 'binary': {
      const { first, rest } = leftSpine(expr);
      checkExpr(first, names, context);
      for (const { right } of rest) checkExpr(right, names, context);
      return;
    }
    case 'list':
      for (const item of expr.items) checkExpr(item, names, context);
      return;
    case 'call':
      checkArgs(expr.args, names, context);
      if (!Object.hasOwn(FUNCTIONS, expr.callee.text) && expr.callee.text !== '' && !context.broken(expr.span))
        reportCall(expr, context.blocks.has(expr.callee.text) || findLayer(expr.callee.text) !== undefined, sink);
      return;
    case 'if':
      for (const branch of expr.branches) {
        checkExpr(branch.condition, names, context);
        checkBody(branch.body, new Names(names), context);
      }
      if (expr.otherwise !== undefined) checkBody(expr.otherwise, new Names(names), context);
      return;
    case 'pipeline':
      checkExpr(expr.head, names, context);
      checkStages(expr.stages, names, context);
      return;
  }
}

function checkArgs(args: readonly Arg[], names: Names, context: NameContext): void {
  for (const arg of args) checkExpr(arg.value, names, context);
}

function checkStages(stages: readonly Stage[], names: Names, context: NameContext): void {
  for (const stage of stages) {
    switch (stage.kind) {
      case 'stage':
        checkCall(stage, names, context);
        break;
      case 'repeat': {
        const { over } = stage;
        if (over.kind === 'count') checkExpr(over.count, names, context);
        else if (over.kind === 'each') checkExpr(over.list, names, context);
        else {
          checkExpr(over.from, names, context);
          checkExpr(over.to, names, context);
        }
        const inner = new Names(names);
        if (stage.variable !== undefined) declare(stage.variable, inner, false, context);
        checkStages(stage.stages, inner, context);
        break;
      }
      case 'if-stage':
        for (const branch of stage.branches) {
          checkExpr(branch.condition, names, context);
          checkStages(branch.stages, names, context);
        }
        if (stage.otherwise !== undefined) checkStages(stage.otherwise, names, context);
        break;
    }
  }
}

function checkCall(stage: CallStage, names: Names, context: NameContext): void {
  checkArgs(stage.args, names, context);
  const name = stage.callee.text;
  const block = context.blocks.get(name);
  const layer = findLayer(name);
  if (block === undefined && layer === undefined)
    reportUnknownLayer(stage.callee, calleeNames(context.blocks, context.within), context.sink);
  else if (!context.broken(stage.span)) {
    bindArguments(block !== undefined ? blockSignature(block) : layerSignature(name, layer!), stage.args, stage.span, context.sink);
  }
}
