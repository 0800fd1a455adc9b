import { ConstraintError } from '../../ops/op.js';
import type { CallExpr } from '../../parser/ast.js';
import { bindArguments } from '../bind.js';
import { convertLayerArgs } from '../convert.js';
import { evaluate } from '../evaluate.js';
import { PARAM, PARAM_ARGUMENTS } from '../functions.js';
import { reportConstraint } from '../shape-errors.js';
import { signatureParams } from '../signature.js';
import { UNKNOWN, type Value } from '../value.js';
import { countStage, type Expansion, locate } from './state.js';

const SIGNATURE = { name: PARAM, params: signatureParams(PARAM_ARGUMENTS), example: 'param([64], init: zeros) as gamma' };

/** `param([64], init: zeros) as gamma`: a value that is learned, the same for all images of a batch. */
export function learnedValue(state: Expansion, expr: CallExpr): Value {
  const { sink, batch } = state.context;
  countStage(state);
  const path = state.path.child(expr.label, PARAM, sink);
  const bound = bindArguments(SIGNATURE, expr.args, expr.span, sink);
  const args = convertLayerArgs(PARAM, PARAM_ARGUMENTS, bound, (arg) => evaluate(arg, state.evaluation), sink);
  if (args === undefined || typeof args.init !== 'function') return UNKNOWN;
  try {
    const id = state.layers.learned(path, args.shape as readonly number[], args.init, batch, locate(state, expr.span));
    return { kind: 'tensor', id, origin: expr.span, source: `\`${PARAM}\`` };
  } catch (error) {
    if (!(error instanceof ConstraintError)) throw error;
    reportConstraint(error, { name: PARAM, span: expr.span }, [], state.calls.at(-1), sink);
    return UNKNOWN;
  }
}
