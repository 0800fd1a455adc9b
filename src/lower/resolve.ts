import type { Span } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import type { Arg, BlockSection, Body, CallExpr, CallStage, Expr, Let, ModelSection, Name, RepeatStage, Stage } from '../parser/ast.js';
import { leftSpine } from '../parser/operators.js';
import { paramsOf } from './bind.js';
import { calleeNames, findCallee, reportUnknownLayer } from './callee.js';
import { isCallable, isNoInitializer, PARAM, reportCall } from './functions.js';
import { findLayer } from './layers.js';
import { type Module, visibleBlocks } from './modules.js';
import { Names, Scope } from './names.js';
import { takenBy } from './read-argument.js';
import { PARAM_CALL, type Taker, takerOf } from './taker.js';

interface Context {
  readonly sink: DiagnosticSink;
  readonly names: Names;
  /** Whether a part of the text has a syntax error, so that what is in it is not to be trusted. */
  readonly broken: (span: Span) => boolean;
  /** What the file can call. */
  readonly blocks: ReadonlyMap<string, BlockSection>;
  /** The block that is being read, if any. */
  readonly within: readonly string[];
}

/** The models of a file, of which it should have one, and the names in it whose values have losses of their own. */
interface Models {
  readonly sections: readonly ModelSection[];
  readonly aux: readonly Name[];
}

/**
 * Finds what every name stands for, and reports all that needs no shapes: names are declared once and known, layers exist and get their
 * arguments. Unlike lowering it also sees blocks that nothing calls and branches that are not taken.
 */
export function resolveNames(
  main: Pick<Module, 'lets' | 'blocks' | 'uses'>,
  used: readonly Module[],
  models: Models,
  broken: (span: Span) => boolean,
  sink: DiagnosticSink,
): Names {
  const names = new Names(sink);
  const constants = new Map<Pick<Module, 'lets'>, Scope>();
  for (const module of [...used, main]) {
    const imported = new Scope();
    for (const use of module.uses) for (const [name, declaration] of constants.get(use)?.own ?? []) imported.own.set(name, declaration);
    names.globals = new Scope(imported);
    constants.set(module, names.globals);
    const context: Context = { sink, names, broken, within: [], blocks: visibleBlocks(module.blocks, module.uses) };
    resolveFile(module, names.globals, context);
    if (module === main) resolveModels(models, names.globals, context);
  }
  return names;
}

function resolveModels({ sections, aux }: Models, globals: Scope, context: Context): void {
  for (const [index, model] of sections.entries()) {
    const scope = new Scope(globals);
    for (const input of model.inputs) context.names.declare(input.name, scope);
    resolveBody(model.body, scope, context, index === 0 ? aux : []);
  }
}

function resolveFile({ lets, blocks }: Pick<Module, 'lets' | 'blocks'>, globals: Scope, context: Context): void {
  const { names, sink } = context;
  for (const item of lets) {
    resolveLet(item, globals, context);
    for (const name of item.names) names.declarationOf(name).reads = 1;
  }
  for (const block of blocks.values()) {
    const scope = new Scope(globals);
    if (findLayer(block.name.text) !== undefined) {
      sink.error('AMP2007', block.name.span, `\`${block.name.text}\` is already a layer of the language`, {
        fix: 'give the block another name',
      });
    }
    for (const param of block.params) {
      if (param.default !== undefined) resolveExpr(param.default, scope, context);
      names.declare(param.name, scope);
    }
    if (block.params.length === 0) {
      sink.error('AMP2003', block.name.span, `block \`${block.name.text}\` has no parameters`, {
        why: 'the first parameter of a block is the piped value',
        fix: `write \`block ${block.name.text}(x)\``,
      });
    }
    resolveBody(block.body, scope, { ...context, within: [block.name.text] });
  }
}

function resolveLet({ names, value }: Let, scope: Scope, context: Context): void {
  resolveExpr(value, scope, context);
  for (const name of names) context.names.declare(name, scope, { isLet: true, isShared: value.kind === 'share' });
}

/** `also`: names that something outside reads in the body. */
function resolveBody(body: Body, scope: Scope, context: Context, also: readonly Name[] = []): void {
  for (const item of body.lets) resolveLet(item, scope, context);
  for (const value of body.lost ?? []) resolveExpr(value, scope, context);
  for (const name of also) context.names.read(name, scope);
  if (body.result !== undefined) resolveExpr(body.result, scope, context);
  else if (body.span.end > 0 && !context.broken(body.span)) {
    context.sink.error('AMP1011', { start: body.span.end - 1, end: body.span.end }, 'this body has no result', {
      why: 'its last line is the value that it results in',
      fix: startsWithMinus(body) ? 'a `-` at the start of a line goes on with the line before: write `0 - …`' : 'end it with a value',
    });
  }
  if (context.broken(body.span)) return;
  for (const [name, { isLet, reads, span }] of scope.own) {
    if (isLet && reads === 0)
      context.sink.warning('AMP2014', span, `\`${name}\` is never used`, {
        why: 'nothing reads it; layers in it are left out of the model',
        fix: 'use it, or remove it',
      });
  }
}

/** Whether the last `let` may have taken the result for a part of it: `let a = b` and then `-c`. */
function startsWithMinus({ lets }: Body): boolean {
  const value = lets.at(-1)?.value;
  return value?.kind === 'binary' && leftSpine(value).rest.some(({ operator }) => operator === '-');
}

function resolveExpr(expr: Expr, scope: Scope, context: Context): void {
  const { sink } = context;
  switch (expr.kind) {
    case 'number':
    case 'boolean':
    case 'string':
    case 'dataset':
      return;
    case 'name':
      context.names.read(expr.name, scope);
      return;
    case 'property':
      resolveExpr(expr.object, scope, context);
      return;
    case 'index':
      resolveExpr(expr.object, scope, context);
      for (const index of expr.indices) resolveExpr(index, scope, context);
      return;
    case 'group':
      resolveExpr(expr.inner, scope, context);
      return;
    case 'unary':
      resolveExpr(expr.operand, scope, context);
      return;
    case 'binary': {
      const { first, rest } = leftSpine(expr);
      resolveExpr(first, scope, context);
      for (const { right } of rest) resolveExpr(right, scope, context);
      return;
    }
    case 'list':
      for (const item of expr.items) resolveExpr(item, scope, context);
      return;
    case 'call':
      resolveArgs(expr.args, scope, context, expr.callee.text === PARAM ? PARAM_CALL : undefined);
      if (!isCallable(expr.callee.text) && expr.callee.text !== '' && !context.broken(expr.span))
        reportCall(expr, findCallee(expr.callee.text, context.blocks) !== undefined, sink);
      if (expr.label !== undefined && expr.callee.text !== PARAM) reportLabel(expr.label, sink);
      return;
    case 'share':
      resolveCall(expr.stage, scope, context);
      return;
    case 'collect':
      resolveBody(expr.body, iterationScope(expr, scope, context), context);
      return;
    case 'if':
      for (const branch of expr.branches) {
        resolveExpr(branch.condition, scope, context);
        resolveBody(branch.body, new Scope(scope), context);
      }
      if (expr.otherwise !== undefined) resolveBody(expr.otherwise, new Scope(scope), context);
      return;
    case 'pipeline':
      resolveExpr(expr.head, scope, context);
      resolveStages(expr.stages, scope, context);
      return;
  }
}

/** `as` behind a call that makes nothing with weights. */
function reportLabel(label: Name, sink: DiagnosticSink): void {
  sink.error('AMP2016', label.span, `\`${label.text}\` names nothing that has weights`, {
    why: 'in an expression `as` names what `param`, `share` and `collect` make; layers get their names in pipelines',
    fix: 'remove the `as`, or give the value a name with `let`',
  });
}

/** `taker`: what is given them, where it is known. */
function resolveArgs(args: readonly Arg[], scope: Scope, context: Context, taker?: Taker): void {
  const given = taker === undefined ? [] : paramsOf(taker.signature, args);
  for (const [i, { value }] of args.entries()) {
    const param = taker?.params.find(({ name }) => name === given[i]);
    if (param !== undefined && value.kind === 'name') context.names.read(value.name, scope, takenBy(taker!.name, param));
    else if (param !== undefined && isNoInitializer(value, param, context.sink)) resolveArgs((value as CallExpr).args, scope, context);
    else resolveExpr(value, scope, context);
  }
}

function resolveStages(stages: readonly Stage[], scope: Scope, context: Context): void {
  for (const stage of stages) {
    switch (stage.kind) {
      case 'stage':
        resolveCall(stage, scope, context);
        break;
      case 'repeat': {
        resolveStages(stage.stages, iterationScope(stage, scope, context), context);
        break;
      }
      case 'if-stage':
        for (const branch of stage.branches) {
          resolveExpr(branch.condition, scope, context);
          resolveStages(branch.stages, scope, context);
        }
        if (stage.otherwise !== undefined) resolveStages(stage.otherwise, scope, context);
        break;
    }
  }
}

/** The scope of one iteration, with its variable. */
function iterationScope({ variable, over }: Pick<RepeatStage, 'variable' | 'over'>, scope: Scope, context: Context): Scope {
  if (over.kind === 'count') resolveExpr(over.count, scope, context);
  else if (over.kind === 'each') resolveExpr(over.list, scope, context);
  else {
    resolveExpr(over.from, scope, context);
    resolveExpr(over.to, scope, context);
  }
  const inner = new Scope(scope);
  if (variable !== undefined) context.names.declare(variable, inner);
  return inner;
}

function resolveCall(stage: CallStage, scope: Scope, context: Context): void {
  const { names, sink, broken, within, blocks } = context;
  const callee = findCallee(stage.callee.text, blocks);
  resolveArgs(stage.args, scope, context, takerOf(callee));
  const value = scope.find(stage.callee.text);
  if (value !== undefined && (value.isShared || callee === undefined)) names.bindValue(stage, value);
  else if (callee === undefined) {
    names.bindUnknown(stage, blocks);
    reportUnknownLayer(stage.callee, calleeNames(blocks, within), sink);
  } else if (!broken(stage.span)) names.bind(stage, callee);
}
