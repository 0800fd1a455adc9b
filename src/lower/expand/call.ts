import { closest } from '../../diagnostics/suggest.js';
import type { BlockSection, CallStage, ShareExpr } from '../../parser/ast.js';
import type { Bound } from '../bind.js';
import { calleeNames, findCallee } from '../callee.js';
import { evaluate } from '../evaluate.js';
import type { Call } from '../names.js';
import { LayerPath, labelsOf } from '../paths.js';
import { describeKind, UNKNOWN, type Value } from '../value.js';
import { applyLayer } from './apply.js';
import { evaluateBody } from './body.js';
import { type Expansion, noteStage, setValue, TooLarge } from './state.js';

const MAX_BLOCK_DEPTH = 64;

/** Applies a layer or block to the piped value. `forced`: the path of the only stage of an iteration. */
export function applyCall(state: Expansion, input: Value, stage: CallStage, forced: string | undefined): Value {
  const { sink, names } = state.context;
  const value = names.calledValue(stage);
  if (value !== undefined) return applyValue(state, state.evaluation.values.get(value) ?? UNKNOWN, input, stage);
  const path = stage.label === undefined && forced !== undefined ? forced : state.path.child(stage.label, stage.callee.text, sink);
  const call = names.callOf(stage);
  const result = call === undefined ? guess(state, input, stage, path) : applyNamed(state, call, input, stage, path);
  noteStage(state, stage, path, result);
  return result;
}

/** A layer or block whose weights all its uses have in common; it has its name where it is shared. */
export function shareLayer(state: Expansion, { stage }: ShareExpr): Value {
  const { sink, names } = state.context;
  const path = state.path.child(stage.label, stage.callee.text, sink);
  const call = names.callOf(stage);
  if (call === undefined && names.calledValue(stage) !== undefined)
    sink.error('AMP2006', stage.span, `\`share\` takes a layer or a block, and \`${stage.callee.text}\` is a value`, {
      why: 'it gives the weights of a layer to all of its uses',
    });
  state.shared.push({ stage, call, path, evaluation: state.evaluation });
  return { kind: 'layer', index: state.shared.length - 1, source: `\`${stage.callee.text}\`` };
}

/** Applies what a name stands for: a shared layer, in the place where it was shared. */
function applyValue(state: Expansion, value: Value, input: Value, use: CallStage): Value {
  const { sink } = state.context;
  const { text } = use.callee;
  if (value.kind !== 'layer') {
    if (value.kind !== 'unknown')
      sink.error('AMP2006', use.callee.span, `\`${text}\` is ${describeKind(value)}, not a layer`, {
        why: 'a stage of a pipeline is a layer, a block, or what `share` made of one',
        fix: `such as \`let ${text} = share linear(64) as ${text}\``,
      });
    return UNKNOWN;
  }
  const { stage, call, path, evaluation } = state.shared[value.index];
  const [arg] = use.args;
  if (arg !== undefined)
    sink.error('AMP2005', arg.span, `\`${text}\` has its arguments where it is shared`, {
      why: 'its uses have their weights in common, and so all that shapes them',
      fix: `write it as \`${text}\``,
      edits: [{ ...use.span, text }],
      related: [{ span: stage.span, message: 'shared here' }],
    });
  if (use.label !== undefined)
    sink.error('AMP2016', use.label.span, `\`${text}\` has its name where it is shared`, {
      why: 'a name becomes that of weights, and these are there already',
      fix: 'remove the `as`',
      related: [{ span: stage.span, message: 'shared here' }],
    });
  if (call === undefined || arg !== undefined) return UNKNOWN;
  const { evaluation: outer } = state;
  enter(state, use);
  state.evaluation = evaluation;
  const result = applyNamed(state, call, input, stage, path);
  state.calls.pop();
  state.evaluation = outer;
  noteStage(state, use, path, result);
  return result.kind === 'tensor' ? { ...result, origin: use.span, source: `\`${text}\`` } : result;
}

/** Begins with what a call stands for. Throws TooLarge when it lies within too many others. */
function enter({ calls }: Expansion, { span }: CallStage): void {
  if (calls.length >= MAX_BLOCK_DEPTH) throw new TooLarge(`blocks are nested more than ${MAX_BLOCK_DEPTH} deep`);
  calls.push(span);
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
  const blocks = names.blocksAt(stage);
  if (!state.guesses.has(key)) state.guesses.set(key, closest(stage.callee.text, calleeNames(blocks, state.expanding)));
  const name = state.guesses.get(key);
  const callee = name === undefined ? undefined : findCallee(name, blocks);
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
  if (context.recursive.has(block)) return UNKNOWN;
  const { evaluation: caller, path: outer } = state;
  enter(state, stage);
  state.evaluation = { ...caller, values: new Map(context.constants) };
  // Defaults may have pipelines: they are layers of the block.
  state.path = new LayerPath(path, labelsOf(block.body));
  state.expanding.push(block.name.text);
  const [first, ...params] = block.params;
  if (first !== undefined) setValue(state, first.name, input);
  for (const param of params) {
    const value = given.get(param.name.text) ?? (param.default === undefined ? UNKNOWN : evaluate(param.default, state.evaluation));
    setValue(state, param.name, value);
  }
  const result = evaluateBody(state, block.body);
  state.calls.pop();
  state.expanding.pop();
  state.path = outer;
  state.evaluation = caller;
  return result;
}
