import type { DiagnosticSink } from '../diagnostics/sink.js';
import { INITIALIZERS } from '../ops/initializers.js';
import type { CallExpr, Expr } from '../parser/ast.js';
import { bindArguments } from './bind.js';
import { convertLayerArgs } from './convert.js';
import { signatureParams } from './signature.js';
import { UNKNOWN, type Value } from './value.js';

interface Context {
  readonly sink: DiagnosticSink;
}

/** `normal(0.02)`: what a call of an initializer stands for. */
export function evaluateInitializer(expr: CallExpr, read: (expr: Expr) => Value, { sink }: Context): Value {
  const name = expr.callee.text;
  const { params, make } = INITIALIZERS[name];
  const bound = bindArguments({ name, params: signatureParams(params) }, expr.args, expr.span, sink);
  const args = convertLayerArgs(name, params, bound, read, sink);
  return args === undefined ? UNKNOWN : { kind: 'init', init: make(args) };
}
