import type { IfStage, Pipeline, RepeatStage, Stage } from '../../parser/ast.js';
import { evaluate } from '../evaluate.js';
import { LayerPath, labelsOf } from '../paths.js';
import { describeKind, UNKNOWN, type Value } from '../value.js';
import { holds } from './body.js';
import { applyCall } from './call.js';
import { iterationsOf } from './iterations.js';
import { countStage, type Expansion, noteStage, setValue } from './state.js';

/** `forced`: the path of its only stage. */
export function evaluatePipeline(state: Expansion, expr: Pipeline, forced?: string): Value {
  let value = evaluate(expr.head, state.evaluation);
  if (value.kind !== 'tensor' && value.kind !== 'list' && value.kind !== 'unknown') {
    state.context.sink.error('AMP2006', expr.head.span, `layers are applied to values of the graph, not to ${describeKind(value)}`);
    value = UNKNOWN;
  }
  return pipe(state, value, expr.stages, forced);
}

function pipe(state: Expansion, input: Value, stages: readonly Stage[], forced?: string): Value {
  let value = input;
  for (const stage of stages) value = applyStage(state, value, stage, forced);
  return value;
}

/** `forced`: the path of the only stage of an iteration. */
function applyStage(state: Expansion, input: Value, stage: Stage, forced?: string): Value {
  countStage(state);
  switch (stage.kind) {
    case 'stage':
      return applyCall(state, input, stage, forced);
    case 'repeat':
      return repeat(state, input, stage, forced);
    case 'if-stage':
      return applyIf(state, input, stage);
  }
}

function applyIf(state: Expansion, input: Value, stage: IfStage): Value {
  for (const branch of stage.branches) {
    const taken = holds(state, branch.condition);
    if (taken === undefined) return UNKNOWN;
    if (taken) return noted(state, stage, pipe(state, input, branch.stages));
  }
  return noted(state, stage, stage.otherwise === undefined ? input : pipe(state, input, stage.otherwise));
}

function noted(state: Expansion, stage: IfStage, value: Value): Value {
  noteStage(state, stage, '', value);
  return value;
}

/** Whether the stages of an iteration are a single one without a name of its own: it takes that of the iteration. */
export function isSingle(stages: readonly Stage[]): boolean {
  const [only] = stages;
  return stages.length === 1 && only.kind !== 'if-stage' && only.label === undefined;
}

function repeat(state: Expansion, input: Value, stage: RepeatStage, forced: string | undefined): Value {
  const { path: outer } = state;
  const path = stage.label === undefined && forced !== undefined ? forced : outer.child(stage.label, 'repeat', state.context.sink);
  const items = iterationsOf(state, 'repeat', stage.over);
  if (items === undefined) return UNKNOWN;
  const single = isSingle(stage.stages);
  let value = input;
  for (const [i, item] of items.entries()) {
    // Without a value no later iteration can find another mistake.
    if (value.kind === 'unknown' && i > 0) break;
    if (stage.variable !== undefined) setValue(state, stage.variable, item);
    const iteration = `${path}.${i}`;
    state.path = new LayerPath(iteration, labelsOf(stage.stages));
    value = pipe(state, value, stage.stages, single ? iteration : undefined);
  }
  state.path = outer;
  noteStage(state, stage, path, value);
  return value;
}
