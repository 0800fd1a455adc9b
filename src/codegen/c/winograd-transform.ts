import { floatLiteral } from './text.js';
import type { Matrix } from './winograd.js';

function repeat(count: number, text: (index: number) => string): string[] {
  return Array.from({ length: count }, (_, index) => text(index));
}

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
export function emitProduct(name: string, matrix: Matrix): string {
  const column = (j: number) => (j < matrix[0]!.length ? matrix.map((row) => row[j]!) : undefined);
  const lines: string[] = [];
  const variables = repeat(matrix[0]!.length, (j) => `x[${j}]`);
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
  return `INLINE void ${name}(const vf *x, vf *y) {\n${lines.map((line) => `  ${line}\n`).join('')}}\n`;
}

/**
 * The body of a C function that takes matrix * X * transposed matrix: `load` gives the element of X in `row` and `column`, `store` takes
 * `y` to that place of the result.
 */
export function emitSandwich(line: string, matrix: Matrix, load: string, store: string, indent: string): string {
  const [outer, inner] = [matrix.length, matrix[0]!.length];
  const lines = (...texts: readonly string[]) => texts.map((text) => `${indent}${text}\n`).join('');
  /** Lines that start with a loop of so many rounds. */
  const unrolled = (rounds: number, ...texts: readonly string[]) => `#pragma GCC unroll ${rounds}\n${lines(...texts)}`;
  return [
    lines(`vf half[${outer}][${inner}];`),
    unrolled(inner, `for (int column = 0; column < ${inner}; column++) {`, `  vf x[${inner}], y[${outer}];`),
    unrolled(inner, `  for (int row = 0; row < ${inner}; row++) x[row] = ${load};`, `  ${line}(x, y);`),
    unrolled(outer, `  for (int row = 0; row < ${outer}; row++) half[row][column] = y[row];`, '}'),
    unrolled(outer, `for (int row = 0; row < ${outer}; row++) {`, `  vf y[${outer}];`, `  ${line}(half[row], y);`),
    unrolled(outer, `  for (int column = 0; column < ${outer}; column++) ${store};`, '}'),
  ].join('');
}
