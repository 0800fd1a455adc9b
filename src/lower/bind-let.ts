import type { Let } from '../parser/ast.js';
import type { Evaluation } from './evaluation.js';
import { describeKind, UNKNOWN, type Value } from './value.js';

/** Gives the names of a `let` their values: all of `value`, or the items of a list. */
export function bindLet(item: Let, value: Value, evaluation: Evaluation): void {
  const values = item.isList ? itemsFor(item, value, evaluation) : [value];
  for (const [i, name] of item.names.entries()) evaluation.values.set(evaluation.names.declarationOf(name), values[i] ?? UNKNOWN);
}

function itemsFor(item: Let, value: Value, { sink }: Evaluation): readonly Value[] {
  const count = item.names.length;
  if (value.kind === 'list' && value.items.length === count) return value.items;
  if (value.kind !== 'unknown') {
    const names = item.names.map((name) => name.text).join(', ');
    const given = value.kind === 'list' ? `one of ${value.items.length}` : describeKind(value);
    sink.error('AMP2006', item.value.span, `\`let [${names}]\` takes a list of ${count}, not ${given}`, {
      why: 'each name stands for one item',
    });
  }
  return [];
}
