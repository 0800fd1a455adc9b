import type { DiagnosticSink } from '../diagnostics/sink.js';
import { INITIALIZERS } from '../ops/initializers.js';
import type { CallExpr, Expr } from '../parser/ast.js';
import { bindArguments } from './bind.js';
import { convertLayerArg } from './convert.js';
import { UNKNOWN, type Value } from './value.js';

interface Context {
  readonly sink: DiagnosticSink;
}

/** `normal(0.02)`: what a call of an initializer stands for. */
export function evaluateInitializer(expr: CallExpr, read: (expr: Expr) => Value, { sink }: Context): Value {
  const name = expr.callee.text;
  const { params, make } = INITIALIZERS[name];
  const signature = { name, params: params.map((param) => ({ name: param.name, doc: param.doc, required: param.default === undefined })) };
  const { named, complete } = bindArguments(signature, expr.args, expr.span, sink);
  const args: Record<string, number | boolean> = {};
  let usable = complete;
  for (const param of params) {
    const arg = named.get(param.name);
    const value = arg === undefined ? param.default : convertLayerArg(name, param, read(arg.value), arg.value.span, sink);
    if (typeof value === 'number' || typeof value === 'boolean') args[param.name] = value;
    else usable = false;
  }
  return usable ? { kind: 'init', init: make(args) } : UNKNOWN;
}
