import type { LayerParam } from '../../ops/layer.js';
import { ConstraintError } from '../../ops/op.js';
import type { CallExpr } from '../../parser/ast.js';
import { bindArguments } from '../bind.js';
import { convertLayerArg } from '../convert.js';
import { evaluate, PARAM } from '../evaluate.js';
import { reportConstraint } from '../shape-errors.js';
import { UNKNOWN, type Value } from '../value.js';
import { countStage, type Expansion, locate } from './state.js';

const SHAPE: LayerParam = { name: 'shape', kind: 'shape', min: 1, doc: 'sizes, without the batch' };
const INIT: LayerParam = { name: 'init', kind: 'init', doc: 'how it starts' };
const SIGNATURE = {
  name: PARAM,
  params: [SHAPE, INIT].map(({ name, doc }) => ({ name, doc, required: true })),
  example: 'param([64], init: zeros) as gamma',
};

/** `param([64], init: zeros) as gamma`: a value that is learned, the same for all images of a batch. */
export function learnedValue(state: Expansion, expr: CallExpr): Value {
  const { sink, batch } = state.context;
  countStage(state);
  const path = state.path.child(expr.label, PARAM, sink);
  const { named } = bindArguments(SIGNATURE, expr.args, expr.span, sink);
  const [shape, init] = [SHAPE, INIT].map((param) => {
    const arg = named.get(param.name);
    return arg && convertLayerArg(PARAM, param, evaluate(arg.value, state.evaluation), arg.value.span, sink);
  });
  if (!Array.isArray(shape) || typeof init !== 'function') return UNKNOWN;
  try {
    const id = state.layers.learned(path, shape as readonly number[], init, batch, locate(state, expr.span));
    return { kind: 'tensor', id, origin: expr.span, source: `\`${PARAM}\`` };
  } catch (error) {
    if (!(error instanceof ConstraintError)) throw error;
    reportConstraint(error, { name: PARAM, span: expr.span }, [], state.calls.at(-1), sink);
    return UNKNOWN;
  }
}
