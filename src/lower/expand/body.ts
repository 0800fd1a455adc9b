import type { Body, Expr, IfExpr } from '../../parser/ast.js';
import { bindLet } from '../bind-let.js';
import { evaluate } from '../evaluate.js';
import { describeKind, UNKNOWN, type Value } from '../value.js';
import type { Expansion } from './state.js';

/** What a body results in. */
export function evaluateBody(state: Expansion, body: Body): Value {
  for (const item of body.lets) bindLet(item, evaluate(item.value, state.evaluation), state.evaluation);
  for (const value of body.lost ?? []) evaluate(value, state.evaluation);
  return body.result === undefined ? UNKNOWN : evaluate(body.result, state.evaluation);
}

/** Whether a condition holds; undefined after reporting that it is none. */
export function holds(state: Expansion, expr: Expr): boolean | undefined {
  const value = evaluate(expr, state.evaluation);
  if (value.kind === 'boolean') return value.value;
  if (value.kind !== 'unknown')
    state.context.sink.error('AMP2006', expr.span, `a condition is \`true\` or \`false\`, not ${describeKind(value)}`, {
      ...(value.kind === 'number' && { fix: 'compare it, such as `stride != 1`' }),
    });
  return undefined;
}

export function conditional(state: Expansion, expr: IfExpr): Value {
  for (const branch of expr.branches) {
    const taken = holds(state, branch.condition);
    if (taken === undefined) return UNKNOWN;
    if (taken) return evaluateBody(state, branch.body);
  }
  if (expr.otherwise !== undefined) return evaluateBody(state, expr.otherwise);
  state.context.sink.error('AMP2006', expr.span, 'this `if` has no value when no condition holds', {
    why: 'the `if` of an expression needs an `else`',
    fix: 'add `else { … }`',
  });
  return UNKNOWN;
}
