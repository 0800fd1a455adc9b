import { type Code, emit, fixed, joined } from '../code.js';
import { arraySize, called, head, type OwnName } from './kernel-code.js';
import { floatLiteral } from './text.js';
import type { Matrix } from './winograd.js';

/** A sum of terms, without those of zero. */
function sum(terms: readonly (readonly [coefficient: number, term: string])[]): string {
  const text = terms
    .filter(([coefficient]) => coefficient !== 0)
    .map(([coefficient, term], i) => {
      const sign = coefficient < 0 ? (i === 0 ? '-' : ' - ') : i === 0 ? '' : ' + ';
      return `${sign}${Math.abs(coefficient) === 1 ? '' : `vf_set(${floatLiteral(Math.abs(coefficient))}) * `}${term}`;
    })
    .join('');
  return text === '' ? '(vf){0}' : text;
}

/** Whether b has a's entries, some with the other sign. */
function mirrored(a: readonly number[] | undefined, b: readonly number[] | undefined): boolean {
  return a !== undefined && b !== undefined && a.every((x, i) => Math.abs(x) === Math.abs(b[i]!)) && a.some((x, i) => x !== b[i]!);
}

/** C function \`name(x, y)\`: y = matrix * x. Points come as +-a, so most rows, or columns, come in pairs that share their sums. */
export function emitProduct(name: OwnName, matrix: Matrix): Code {
  const column = (j: number) => (j < matrix[0]!.length ? matrix.map((row) => row[j]!) : undefined);
  const lines: string[] = [];
  const variables = matrix[0]!.map((_, j) => `x[${j}]`);
  const paired = new Set<number>();
  for (let j = 0; j + 1 < variables.length; j += 1) {
    if (!mirrored(column(j), column(j + 1))) continue;
    lines.push(`const vf s${j} = x[${j}] + x[${j + 1}], d${j} = x[${j}] - x[${j + 1}];`);
    paired.add(j);
    j += 1;
  }
  const terms = (row: readonly number[], keep: (j: number) => boolean) =>
    row.flatMap((value, j): [number, string][] => {
      if (paired.has(j - 1) || !keep(j)) return [];
      return [[value, paired.has(j) ? `${value === row[j + 1] ? 's' : 'd'}${j}` : variables[j]!]];
    });
  for (let i = 0; i < matrix.length; i += 1) {
    const [row, next] = [matrix[i]!, matrix[i + 1]];
    if (paired.size === 0 && mirrored(row, next)) {
      const same = (j: number) => row[j] === next![j];
      lines.push(`const vf e${i} = ${sum(terms(row, same))}, o${i} = ${sum(terms(row, (j) => !same(j)))};`);
      lines.push(`y[${i}] = e${i} + o${i}, y[${i + 1}] = e${i} - o${i};`);
      i += 1;
    } else {
      lines.push(`y[${i}] = ${sum(terms(row, () => true))};`);
    }
  }
  return emit`${head('INLINE void', name, 'const vf *x, vf *y')}\n${lines.map((line) => `  ${line}\n`).join('')}}\n`;
}

/**
 * The body of a C function that takes matrix * X * transposed matrix: `load` gives the element of X in `row` and `column`, `store` takes
 * `y` to that place of the result.
 */
export function emitSandwich(line: OwnName, matrix: Matrix, load: Code, store: Code, indent: string): Code {
  const [outer, inner] = [matrix.length, matrix[0]!.length];
  const lines = (...texts: readonly Code[]) => joined(texts.map((text) => emit`${indent}${text}\n`));
  /** Lines that start with a loop of so many rounds. */
  const unrolled = (rounds: number, ...texts: readonly Code[]) => emit`#pragma GCC unroll ${fixed(rounds)}\n${lines(...texts)}`;
  return joined([
    lines(emit`vf half[${outer}][${inner}];`),
    unrolled(inner, emit`for (int column = 0; column < ${inner}; column++) {`, emit`  vf x[${inner}], y[${outer}];`),
    unrolled(inner, emit`  for (int row = 0; row < ${inner}; row++) x[row] = ${load};`, emit`  ${called(line, 'x, y')};`),
    unrolled(outer, emit`  for (int row = 0; row < ${outer}; row++) half[row][column] = y[row];`, '}'),
    unrolled(
      outer,
      emit`for (int row = 0; row < ${outer}; row++) {`,
      emit`  vf y[${arraySize(outer)}];`,
      emit`  ${called(line, 'half[row], y')};`,
    ),
    unrolled(outer, emit`  for (int column = 0; column < ${outer}; column++) ${store};`, '}'),
  ]);
}
