import { closest } from '../../diagnostics/suggest.js';
import type { BlockSection, CallStage } from '../../parser/ast.js';
import type { Bound } from '../bind.js';
import { calleeNames, findCallee } from '../callee.js';
import { evaluate } from '../evaluate.js';
import type { Call } from '../names.js';
import { LayerPath, labelsOf } from '../paths.js';
import { UNKNOWN, type Value } from '../value.js';
import { applyLayer } from './apply.js';
import { evaluateBody } from './body.js';
import { type Expansion, setValue, TooLarge } from './state.js';

const MAX_BLOCK_DEPTH = 64;

/** Applies a layer or block to the piped value. `forced`: the path of the only stage of an iteration. */
export function applyCall(state: Expansion, input: Value, stage: CallStage, forced: string | undefined): Value {
  const { sink, names } = state.context;
  const path = stage.label === undefined && forced !== undefined ? forced : state.path.child(stage.label, stage.callee.text, sink);
  const call = names.callOf(stage);
  return call === undefined ? guess(state, input, stage, path) : applyNamed(state, call, input, stage, path);
}

function applyNamed(state: Expansion, { callee, bound }: Call, input: Value, stage: CallStage, path: string): Value {
  switch (callee.kind) {
    case 'block':
      return expandBlock(state, input, callee.block, bound, stage, path);
    case 'layer':
      return applyLayer(state, input, callee, bound, stage, path);
  }
}

/**
 * For a layer that does not exist, which is reported: goes on with the nearest one, to find other mistakes. Those that only the guess
 * makes are none.
 */
function guess(state: Expansion, input: Value, stage: CallStage, path: string): Value {
  const { names, sink } = state.context;
  const key = `${stage.callee.text} ${state.expanding.join(' ')}`;
  if (!state.guesses.has(key)) state.guesses.set(key, closest(stage.callee.text, calleeNames(names.blocks, state.expanding)));
  const name = state.guesses.get(key);
  const callee = name === undefined ? undefined : findCallee(name, names.blocks);
  if (callee === undefined) {
    for (const arg of stage.args) evaluate(arg.value, state.evaluation);
    return UNKNOWN;
  }
  state.guessed = true;
  const call = () => applyNamed(state, { callee, bound: names.bound(callee, stage.args, stage.span) }, input, stage, path);
  return sink.attempt(call) ?? UNKNOWN;
}

function expandBlock(state: Expansion, input: Value, block: BlockSection, { named }: Bound, stage: CallStage, path: string): Value {
  const { context } = state;
  const given = new Map([...named].map(([param, arg]): [string, Value] => [param, evaluate(arg.value, state.evaluation)]));
  if (context.recursive.has(block.name.text)) return UNKNOWN;
  if (state.calls.length >= MAX_BLOCK_DEPTH) throw new TooLarge(`blocks are nested more than ${MAX_BLOCK_DEPTH} deep`);
  const { evaluation: caller, path: outer } = state;
  state.evaluation = { ...caller, values: new Map(context.constants) };
  const [first, ...params] = block.params;
  if (first !== undefined) setValue(state, first.name, input);
  for (const param of params) {
    const value = given.get(param.name.text) ?? (param.default === undefined ? UNKNOWN : evaluate(param.default, state.evaluation));
    setValue(state, param.name, value);
  }
  state.path = new LayerPath(path, labelsOf(block.body));
  state.calls.push(stage.span);
  state.expanding.push(block.name.text);
  const result = evaluateBody(state, block.body);
  state.calls.pop();
  state.expanding.pop();
  state.path = outer;
  state.evaluation = caller;
  return result;
}
