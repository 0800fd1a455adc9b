import type { CollectExpr } from '../../parser/ast.js';
import { LayerPath, labelsOf } from '../paths.js';
import { UNKNOWN, type Value } from '../value.js';
import { evaluateBody } from './body.js';
import { iterationsOf } from './iterations.js';
import { evaluatePipeline, isSingle } from './stages.js';
import { countStage, type Expansion, setValue } from './state.js';

/** The list of what the body results in, one item after the other. Layers are named as those of a `repeat`. */
export function collect(state: Expansion, expr: CollectExpr): Value {
  const { path: outer } = state;
  const path = outer.child(expr.label, 'collect', state.context.sink);
  const iterations = iterationsOf(state, 'collect', expr.over);
  if (iterations === undefined) return UNKNOWN;
  const { result } = expr.body;
  const only = expr.body.lets.length === 0 && result?.kind === 'pipeline' && isSingle(result.stages) ? result : undefined;
  const items: Value[] = [];
  for (const [i, item] of iterations.entries()) {
    countStage(state);
    if (expr.variable !== undefined) setValue(state, expr.variable, item);
    const iteration = `${path}.${i}`;
    state.path = new LayerPath(iteration, labelsOf(expr.body));
    items.push(only === undefined ? evaluateBody(state, expr.body) : evaluatePipeline(state, only, iteration));
  }
  state.path = outer;
  return { kind: 'list', items };
}
