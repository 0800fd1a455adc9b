import type { InitEvent } from '../index.js';
import { formatCount, type Output } from './output.js';

type Tensor = InitEvent['tensors'][number];

const HOW = { name: 'its name', map: '--init-map', order: 'order and shape' } as const satisfies Record<Tensor['by'], string>;

/** Rows of a table that are told one by one; what went by its own name is told in numbers. */
const MOST_NAMED = 3;

function conversionOf({ order, dtype, rows }: Tensor): string {
  const parts = [
    ...(rows === undefined ? [] : [`rows ${rows[0]} to ${rows[1] - 1}`]),
    ...(order === undefined ? [] : [order]),
    ...(dtype === undefined ? [] : [`${dtype} -> F32`]),
  ];
  return parts.length === 0 ? 'as it is' : parts.join(', ');
}

function plural(count: number, what: string): string {
  return `${formatCount(count)} ${count === 1 ? what : `${what}s`}`;
}

/** Tensors with the name of their state, by what was done with them. */
function namesakes(tensors: readonly Tensor[]): readonly (readonly string[])[] {
  const kinds = new Map<string, Tensor[]>();
  for (const tensor of tensors) kinds.set(conversionOf(tensor), [...(kinds.get(conversionOf(tensor)) ?? []), tensor]);
  return [...kinds].map(([conversion, of]) => {
    const named = of.slice(0, MOST_NAMED).map(({ name }) => name);
    const names = of.length > named.length ? `${named.join(', ')} and ${formatCount(of.length - named.length)} more` : named.join(', ');
    return [names, HOW.name, conversion];
  });
}

/** What the weights of a run are from: what matched and how, what was converted, what starts as the file says, what is left over. */
export function printInit({ file, layout, part, prefix, tensors, kept, unused }: InitEvent, output: Output): void {
  const from = part === undefined ? file : `${part} of ${file}`;
  const without = prefix === undefined ? '' : `, without the prefix ${prefix}`;
  const whose = layout === 'torch' ? "in PyTorch's layout" : "in ampc's layout";
  output.line(`weights: ${plural(tensors.length, 'tensor')} from ${from}, ${whose}${without}`);
  const plain = tensors.filter(
    ({ by, from: entry, name, rows }) => by === 'name' && rows === undefined && entry === `${prefix ?? ''}${name}`,
  );
  const others = tensors.filter((tensor) => !plain.includes(tensor));
  const rows = [
    ...namesakes(plain),
    ...others.map((tensor) => [`${tensor.from} -> ${tensor.name}`, HOW[tensor.by], conversionOf(tensor)]),
    ...kept.map(({ name, why }) => [name, 'starts as the file says', why]),
    ...unused.map(({ name, type }) => [name, 'left over', type]),
  ];
  if (rows.length > 0) output.table(['weight', 'found by', 'converted'], rows);
}
