import { type Code, emit } from '../code.js';
import { ChannelTables } from './channel-values.js';
import { Locals, type Position } from './expression.js';
import type { KernelContext } from './kernel.js';
import { type LoopFunction, type LoopOptions, loopFunction, partLength, type Root } from './loops.js';
import { Prologue } from './prologue.js';
import { indent } from './text.js';

/** Over all elements as one line: for elementwise work and sums of everything. */
export function flatLoop(context: KernelContext, count: number, roots: readonly Root[], options: LoopOptions): LoopFunction {
  const prologue = new Prologue();
  const channels = new ChannelTables(context, prologue);
  const body = (lanes?: string): Code[] => {
    const at: Position = { index: 'i', channel: 'c', ...(lanes !== undefined && { lanes }) };
    const locals = new Locals(context, at, { ...options, prologue, channels });
    for (const root of roots) root.body(locals);
    return locals.statements;
  };
  const { lanes } = context.target;
  const whole = count >= lanes ? body() : undefined;
  const rest = body('n');
  const counters = [...channels.counters];
  const advance = counters.flatMap(([c, name]) => [emit`${name} += ${lanes % c};`, emit`if (${name} >= ${c}) ${name} -= ${c};`]);
  const lines = [
    ...prologue.statements,
    ...roots.flatMap((root) => root.sum?.declare('') ?? []),
    ...counters.map(([c, name]) => emit`int64_t ${name} = begin % ${c};`),
    'int64_t i = begin;',
    ...(whole === undefined ? [] : ['for (; i + LANES <= end; i += LANES) {', ...indent([...whole, ...advance]), '}']),
    'if (i < end) {',
    '  const int64_t n = end - i;',
    ...indent(rest),
    '}',
    ...roots.flatMap((root) => root.sum?.finish(context, { index: 'task', channel: '0' }, '') ?? []),
  ];
  return { code: loopFunction(lines), table: context.table, range: count, part: partLength(count, 1, 64) };
}
