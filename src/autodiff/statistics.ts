import type { GraphBuilder } from '../ir/builder.js';
import { rebuild } from '../ir/rewrite.js';
import { type Graph, type Node, numberAttr, stringAttr, type ValueId } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import { opDefinition } from '../ops/index.js';
import type { Written } from './averages.js';
import { type Exchange, exchangeStatistic } from './exchange.js';
import { declareState } from './state.js';

/** A `running_update` of the forward graph: running' = (1 - momentum) * running + momentum * correction * batch, per channel, f32. */
export interface Update {
  readonly node: Node;
  readonly state: string;
  readonly running: ValueId;
  readonly batch: ValueId;
  readonly momentum: number;
  readonly correction: number;
}

/**
 * A forward graph and its updates of running statistics, apart: which of them a step makes, and when, is not the forward graph's to say.
 */
export function takeUpdates(forward: Graph): { readonly graph: Graph; readonly updates: readonly Update[] } {
  const isUpdate = ({ op }: Node) => opDefinition(op).movesStatistic === true;
  const others = forward.nodes.filter((node) => !isUpdate(node));
  const parted = rebuild(forward, [...others, ...forward.nodes.filter(isUpdate)]);
  const updates = parted.nodes.slice(others.length).map((node): Update => {
    const [running, batch] = node.inputs as [ValueId, ValueId];
    const [momentum, correction] = [numberAttr(node.attrs, 'momentum'), numberAttr(node.attrs, 'correction')];
    return { node, state: stringAttr(parted.nodes[running]!.attrs, 'name'), running, batch, momentum, correction };
  });
  return { graph: { ...parted, nodes: parted.nodes.slice(0, others.length) }, updates };
}

function placeOf({ layer, loc }: Node) {
  return { layer, ...(loc && { loc }) };
}

/** By how much the earlier micro-batches of a step have moved a running statistic. */
function declarePending(builder: GraphBuilder, { state, node }: Update): { readonly pending: ValueId; readonly name: string } {
  const name = `${state}.pending`;
  return {
    name,
    pending: declareState(builder, name, node.type, 'pending', 0, 'what the earlier micro-batches move a running statistic by'),
  };
}

/**
 * In a micro-batch before the last: running statistics stay as they are until the whole step is known to be finite, and what the
 * micro-batch moves them by is kept beside them: pending' = (1 - momentum) * pending + momentum * (correction * batch - running).
 */
export function deferStatistics(builder: GraphBuilder, updates: readonly Update[]): void {
  for (const update of updates) {
    const { pending, name } = declarePending(builder, update);
    // No layer: a pin of the layer must not lower the difference.
    const unbiased = emit(builder, 'scale', [update.batch], { factor: update.correction }, { why: 'the unbiased statistic' });
    const distance = emit(builder, 'sub', [unbiased, update.running], {}, { why: 'how far it is from the running one' });
    const attrs = { momentum: update.momentum, correction: 1, writes: [name] };
    emit(builder, 'running_update', [pending, distance], attrs, { ...placeOf(update.node), why: 'waits for the end of the step' });
  }
}

/**
 * In the last micro-batch of a step: every running statistic moves by what all micro-batches of the step move it, one after the other, or
 * not at all where `ok` is false; what each comes to. `isAccumulated`: there are micro-batches before this one.
 */
export function commitStatistics(
  builder: GraphBuilder,
  updates: readonly Update[],
  ok: ValueId | undefined,
  isAccumulated: boolean,
  part?: Exchange,
): readonly Written[] {
  const guard = ok === undefined ? [] : [ok];
  return updates.map((update): Written => {
    const { node, state, running, batch, momentum, correction } = update;
    if (!isAccumulated && part !== undefined) {
      const attrs = { ...node.attrs, correction: 1 };
      const all = exchangeStatistic(builder, batch, correction, part, placeOf(node));
      return { node, state, result: builder.add({ ...node, attrs, inputs: [running, all, ...guard] }) };
    }
    if (!isAccumulated) return { node, state, result: builder.add({ ...node, inputs: [running, batch, ...guard] }) };
    const { pending, name } = declarePending(builder, update);
    const before = emit(builder, 'add', [running, pending], {}, { why: 'as the earlier micro-batches leave the statistic' });
    const kept = emit(builder, 'scale', [before], { factor: 1 - momentum }, { why: 'the share of it that stays' });
    const gained = emit(builder, 'scale', [batch], { factor: momentum * correction }, { why: 'the share of this micro-batch' });
    const own = emit(builder, 'add', [kept, gained], {}, { why: 'as the step leaves the statistic' });
    const moved = part === undefined ? own : exchangeStatistic(builder, own, 1, part, placeOf(node));
    const attrs = { momentum: 1, correction: 1, writes: [state] };
    const options = { ...placeOf(node), why: 'takes it over whole' };
    const result = emit(builder, 'running_update', [running, moved, ...guard], attrs, options);
    emit(builder, 'reset', [pending], { writes: [name] }, { ...placeOf(node), why: 'the next step starts from zero' });
    return { node, state, result };
  });
}
