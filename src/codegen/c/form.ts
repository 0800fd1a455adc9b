/** Stands for the kernel's name in code that is made before it has one. */
export const SELF = '@';

/**
 * A place in C code where kernels of one form may differ: a number in an expression, the size of an array on the stack, or a constant table
 * of numbers.
 */
export type Slot =
  | { readonly kind: 'number' | 'size'; readonly values: readonly [number]; readonly text: string }
  | { readonly kind: 'table'; readonly table: Table; readonly values: readonly number[]; readonly text: string };

export interface Table {
  readonly name: string;
  /** Sizes behind the first, such as `[2]`. */
  readonly inner: string;
  /** Inside a function, not before all. */
  readonly isLocal: boolean;
}

/** C code as what stands between its slots, which are one fewer, and the slots. */
export interface Form {
  /** Equal for code that differs in numbers alone. */
  readonly key: string;
  readonly between: readonly string[];
  readonly slots: readonly Slot[];
}

/** Numbers below this one say what code does, not how often: 0 and 1 are starts, steps and factors that the compiler drops. */
export const LEAST = 2;
const MOST = 2 ** 31 - 1;

/**
 * What is read as one: comments, lines of the preprocessor and numbers of other types; constant tables; arrays on the stack; divisors,
 * which only where little is divided may be anything but constants; and numbers.
 */
const TOKEN = new RegExp(
  [
    String.raw`/\*[\s\S]*?\*/|^[ \t]*#.*$|\b\d+\.\d*(?:e[+-]?\d+)?f?|\b\d+e[+-]?\d+f?`,
    String.raw`(?<indent>^[ ]*)static const int (?<table>[\w${SELF}]+)\[\d*\](?<inner>(?:\[\d+\])*) = (?<values>\{[-\d{}, \n]*\});`,
    String.raw`(?<=^[ ]*(?:float |vf |int32_t |const float \*)\w+\[)(?<size>\d+)(?=\];)`,
    String.raw`(?<!\b(?:task|begin|chunk|slice) )[/%] \d+\b`,
    String.raw`(?<![\w.])(?<number>\d+)(?![\w.])`,
  ].join('|'),
  'gm',
);

function slotOf({ 0: text, groups = {} }: RegExpExecArray): Slot | undefined {
  const { indent = '', table, inner = '', values, size, number } = groups;
  if (table !== undefined) {
    const numbers = values!.match(/-?\d+/g) ?? [];
    return { kind: 'table', table: { name: table, inner, isLocal: indent !== '' }, values: numbers.map(Number), text };
  }
  if (size !== undefined) return { kind: 'size', values: [Number(size)], text };
  const value = Number(number);
  return value >= LEAST && value <= MOST ? { kind: 'number', values: [value], text } : undefined;
}

/** Reads the form of a kernel's code. Comments belong to the first kernel of a form. */
export function formOf(code: string): Form {
  const between: string[] = [];
  const slots: Slot[] = [];
  const key: string[] = [];
  let from = 0;
  for (const match of code.matchAll(TOKEN)) {
    const slot = slotOf(match);
    if (slot === undefined) continue;
    const text = code.slice(from, match.index);
    between.push(text);
    slots.push(slot);
    key.push(text, slot.kind === 'table' ? `${SELF}${slot.table.name}${slot.table.inner}` : `${SELF}${slot.kind}`);
    from = match.index + slot.text.length;
  }
  const rest = code.slice(from);
  key.push(rest);
  between.push(rest);
  return { key: key.join('').replaceAll(/\/\*[\s\S]*?\*\//g, ''), between, slots };
}
