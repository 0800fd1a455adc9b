import type { Expr, RepeatOver } from '../../parser/ast.js';
import { evaluate } from '../evaluate.js';
import { describeKind, type Value } from '../value.js';
import { type Expansion, MAX_STAGES, TooLarge } from './state.js';

/** What the variable of a `repeat` or `collect` stands for, one iteration after the other; undefined after reporting what is wrong. */
export function iterationsOf(state: Expansion, word: 'repeat' | 'collect', over: RepeatOver): readonly Value[] | undefined {
  const { evaluation } = state;
  const { sink } = state.context;
  const whole = (expr: Expr): number | undefined => {
    const value = evaluate(expr, evaluation);
    if (value.kind === 'number' && Number.isInteger(value.value) && value.value >= 0) return value.value;
    if (value.kind !== 'unknown')
      sink.error('AMP2006', expr.span, `\`${word}\` takes a whole number that is not negative, not ${describeKind(value)}`, {
        ...(value.kind === 'list' && { fix: `such as \`${word} n in [2, 1]\`` }),
      });
    return undefined;
  };
  if (over.kind === 'each') {
    const list = evaluate(over.list, evaluation);
    if (list.kind === 'list') return list.items;
    if (list.kind !== 'unknown')
      sink.error('AMP2006', over.list.span, `\`${word} … in\` takes a range or a list, not ${describeKind(list)}`, {
        fix: `such as \`${word} i in 0..3\` or \`${word} stride in [2, 1]\``,
      });
    return undefined;
  }
  const from = over.kind === 'count' ? 0 : whole(over.from);
  const to = whole(over.kind === 'count' ? over.count : over.to);
  if (from === undefined || to === undefined) return undefined;
  if (to - from > MAX_STAGES) throw new TooLarge(`\`${word}\` asks for ${to - from} iterations`);
  return Array.from({ length: Math.max(0, to - from) }, (_, i): Value => ({ kind: 'number', value: from + i }));
}
