import type { Expression, Operation } from './expression.js';

/** Source text of a value, and how tightly its outermost operator binds. */
export interface Text {
  readonly text: string;
  readonly binds: number;
  readonly quotient?: boolean;
  /** Of a negative literal: the text of the number without its sign. */
  readonly magnitude?: string;
}

/**
 * How tightly operators bind: those of C, WGSL and their like agree on these. Bit operations and shifts are put in parentheses among
 * others.
 */
export const BINDS = { atom: 9, prefix: 8, product: 7, sum: 6, comparison: 4, logic: 2, choice: 1, loose: 0 } as const;

/** Text of an operation from that of its arguments; `value` is the whole. */
export type OperationText = (args: readonly Text[], value: Expression) => Text;

export function atom(text: string): Text {
  return { text, binds: BINDS.atom };
}

/** The text, in parentheses where an operator around it binds tighter. */
export function inside({ text, binds }: Text, least: number): string {
  return binds < least ? `(${text})` : text;
}

/** A call by name. */
export const named =
  (name: string): OperationText =>
  (args) =>
    atom(`${name}(${args.map(({ text }) => text).join(', ')})`);

/** Two values with an operator between them. A quotient in a product is put in parentheses for the reader. */
export function join(a: Text, symbol: string, b: Text, binds: number): Text {
  const left = symbol === '*' && a.quotient === true ? `(${a.text})` : inside(a, binds);
  return { text: `${left} ${symbol} ${inside(b, binds + 1)}`, binds, ...(symbol === '/' && { quotient: true }) };
}

export const infix =
  (symbol: string, binds: number): OperationText =>
  ([a, b]) =>
    join(a!, symbol, b!, binds);

export const prefix =
  (symbol: string): OperationText =>
  ([a]) => ({ text: `${symbol}${inside(a!, BINDS.prefix)}`, binds: BINDS.prefix });

/** Digits of a number that a formula states; of a far power of two, its exponent. */
export function digits(value: number): string {
  const exponent = Math.log2(Math.abs(value));
  if (Number.isInteger(exponent) && Math.abs(exponent) > 20) return `${value < 0 ? '-' : ''}0x1p${exponent}`;
  if (Math.abs(value) < 1e-3 && value !== 0) return value.toExponential();
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** What C, WGSL and their like write alike. */
export const ALIKE = {
  add: infix('+', BINDS.sum),
  sub: infix('-', BINDS.sum),
  mul: infix('*', BINDS.product),
  div: infix('/', BINDS.product),
  neg: ([a]) => ({ text: `-${inside(a!, BINDS.atom)}`, binds: BINDS.prefix }),
  less: infix('<', BINDS.comparison),
  greater: infix('>', BINDS.comparison),
  at_least: infix('>=', BINDS.comparison),
  equal: infix('==', BINDS.comparison),
} as const satisfies Partial<Record<Operation, OperationText>>;
