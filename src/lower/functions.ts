import type { Diagnostic } from '../diagnostics/diagnostic.js';
import { suggestName } from '../diagnostics/fixes.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { listNames } from '../diagnostics/suggest.js';
import { INITIALIZERS } from '../ops/initializers.js';
import type { LayerDefinition, LayerParam } from '../ops/layer.js';
import type { CallExpr, Expr } from '../parser/ast.js';
import { findLayer } from './layers.js';

interface FunctionDefinition {
  readonly arity: number;
  readonly doc: string;
  readonly apply: (...args: number[]) => number;
  /** What it is for values of the graph; left out: it takes numbers alone. */
  readonly layer?: string;
}

/** Functions that expressions can call. */
export const FUNCTIONS: Readonly<Record<string, FunctionDefinition>> = {
  min: { arity: 2, doc: 'the smaller of two', apply: Math.min, layer: 'minimum' },
  max: { arity: 2, doc: 'the larger of two', apply: Math.max, layer: 'maximum' },
  floor: { arity: 1, doc: 'the next whole number down', apply: Math.floor },
  ceil: { arity: 1, doc: 'the next whole number up', apply: Math.ceil },
  round: { arity: 1, doc: 'the nearest whole number', apply: Math.round },
  sqrt: { arity: 1, doc: 'the square root', apply: Math.sqrt, layer: 'sqrt' },
  exp: { arity: 1, doc: 'e to its power', apply: Math.exp, layer: 'exp' },
  log: { arity: 1, doc: 'the natural logarithm', apply: Math.log, layer: 'log' },
  abs: { arity: 1, doc: 'the magnitude', apply: Math.abs, layer: 'abs' },
  square: { arity: 1, doc: 'it times itself', apply: (a) => a * a, layer: 'square' },
  pow: { arity: 2, doc: 'the first to the power of the second, which is a number', apply: (a, b) => a ** b, layer: 'pow' },
};

/** Makes a learned value, where an expression calls it. */
export const PARAM = 'param';

export const PARAM_ARGUMENTS: readonly LayerParam[] = [
  { name: 'shape', kind: 'shape', min: 1, doc: 'sizes, without the batch' },
  { name: 'init', kind: 'init', doc: 'how it starts' },
];

/**
 * A call of what is no function: `relu(x)` instead of `x |> relu`. `isStage`: whether a layer or block has the name; undefined where that
 * is unknown.
 */
export function reportCall(expr: CallExpr, isStage: boolean | undefined, sink: DiagnosticSink): void {
  const { text } = expr.callee;
  const functions = Object.keys(FUNCTIONS);
  const first = expr.args[0]?.value;
  const head = first?.kind === 'name' ? first.name.text : 'x';
  sink.error('AMP2012', expr.span, `\`${text}\` is called outside a pipeline`, {
    why: `layers and blocks are applied with \`|>\`${isStage === true ? '' : `; expressions can call ${listNames(functions, 'and')}`}`,
    ...(isStage === false ? suggestName(expr.callee, functions, 'functions') : { fix: `write \`${head} |> ${text}\``, ...piped(expr) }),
  });
}

/** `relu(x)` as a pipeline; in parentheses, since it may stand within something else. */
function piped({ callee, args, label, span }: CallExpr): Pick<Diagnostic, 'edits'> {
  const [only] = args;
  if (args.length !== 1 || only?.name !== undefined || only?.value.kind !== 'name' || label !== undefined) return {};
  return { edits: [{ ...span, text: `(${only.value.name.text} |> ${callee.text})` }] };
}

/** The layer of this name, if it joins values: it can be called with a list of them. */
export function joiningLayer(name: string): LayerDefinition | undefined {
  const layer = findLayer(name);
  return layer?.values === undefined ? undefined : layer;
}

/** Whether an expression can call this name. */
export function isCallable(name: string): boolean {
  return Object.hasOwn(FUNCTIONS, name) || Object.hasOwn(INITIALIZERS, name) || name === PARAM || joiningLayer(name) !== undefined;
}

/** Reports a call that stands where an initializer does, and is none; whether it is that. */
export function isNoInitializer(expr: Expr, { kind }: Pick<LayerParam, 'kind'>, sink: DiagnosticSink): boolean {
  if (kind !== 'init' || expr.kind !== 'call' || isCallable(expr.callee.text)) return false;
  const { text, span } = expr.callee;
  if (text !== '')
    sink.error('AMP2008', span, `unknown initializer \`${text}\``, suggestName(expr.callee, Object.keys(INITIALIZERS), 'initializers'));
  return true;
}
