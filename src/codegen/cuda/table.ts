import type { Binding } from '../gpu/kernel.js';
import type { Place } from '../gpu/layout.js';

/** An array of a kernel. */
export type Pointer = Pick<Binding, 'access' | 'type' | 'place'>;

/** Parts of one code that are worth a table: fewer are called one by one. */
export const FEWEST_OF_TABLE = 3;

/** What one of the parts is told. */
export interface Row {
  readonly arrays: readonly Pointer[];
  readonly numbers: readonly number[];
  /** Its units. */
  readonly count: number;
}

/** Parts of one code as the columns of a structure: addresses, then numbers of 32 bits. */
export interface Table {
  readonly places: readonly Place[];
  readonly words: readonly number[];
  /** Lines that declare the structure. */
  declare(name: string): readonly string[];
  /** Arguments of part `j` of the table `name`; what all have alike are arrays of the kernel. */
  call(name: string, array: (pointer: Pointer) => string): readonly string[];
}

function isSame(a: Place, b: Place): boolean {
  return a.block === b.block && a.offset === b.offset;
}

/** `from`: the first block of each part. */
export function tableOf(rows: readonly Row[], from: readonly number[]): Table {
  const [first] = rows as [Row];
  const differ = (column: number) => rows.some(({ arrays }) => !isSame(arrays[column]!.place, first.arrays[column]!.place));
  const columns = first.arrays.map((_, column) => differ(column));
  const numbers = first.numbers.map((number, column) => rows.some((row) => row.numbers[column] !== number));
  return {
    places: columns.flatMap((own, column) => (own ? rows.map(({ arrays }) => arrays[column]!.place) : [])),
    words: [
      ...numbers.flatMap((own, column) => (own ? rows.map((row) => row.numbers[column]!) : [])),
      ...from,
      ...rows.map(({ count }) => count),
    ],
    declare: (name) => {
      const arrays = columns.flatMap((own, column) => {
        const { type, access } = first.arrays[column]!;
        return own ? [`${access === 'read' ? 'const ' : ''}${type} *b${column}[${rows.length}];`] : [];
      });
      const words = numbers.flatMap((own, column) => (own ? [`n${column}[${rows.length}]`] : []));
      return [
        `struct ${name} {`,
        ...arrays.map((line) => `  ${line}`),
        `  u32 ${[...words, `from[${rows.length}]`, `count[${rows.length}]`].join(', ')};`,
        '};',
      ];
    },
    call: (name, array) => [
      ...columns.map((own, column) => (own ? `${name}.b${column}[j]` : array(first.arrays[column]!))),
      ...numbers.map((own, column) => (own ? `${name}.n${column}[j]` : `${first.numbers[column]}u`)),
    ],
  };
}

/** Statements that find the part `j` whose block it is, and call it for the thread's unit. */
export function searchTable(name: string, rows: number, threads: number, call: string): readonly string[] {
  const step = 2 ** Math.floor(Math.log2(rows - 1));
  return [
    'u32 j = 0u;',
    `for (u32 step = ${step}u; step > 0u; step /= 2u) {`,
    `  if (j + step < ${rows}u && ${name}.from[j + step] <= block) { j += step; }`,
    '}',
    `const u32 i = (block - ${name}.from[j]) * ${threads}u + lid;`,
    `if (i < ${name}.count[j]) { ${call} }`,
  ];
}
