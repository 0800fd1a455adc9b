import type { Place } from '../gpu/layout.js';
import { indent } from '../gpu/text.js';
import { FLAT_THREADS, NAME } from './kernel.js';
import type { Stages, Work } from './schedule.js';
import { FEWEST_OF_TABLE, type Pointer, searchTable, type Table, tableOf } from './table.js';

/** Blocks of a launch that work for a group. */
export interface Range {
  readonly group: number;
  readonly first: number;
  readonly blocks: number;
}

/** A kernel's code, and what it is launched with: the number of the first block, its arrays, then its tables. */
export interface Assembled {
  readonly code: string;
  /** Text of the functions that it calls, by their names in it. */
  readonly functions: ReadonlyMap<string, string>;
  readonly threads: number;
  readonly pointers: readonly Pointer[];
  readonly tables: readonly Table[];
  readonly blocks: number;
  readonly ranges: readonly Range[];
}

/** Arrays of a kernel, each once. */
class Pointers {
  readonly list: Pointer[] = [];

  name({ place, type, access }: Pointer): string {
    const found = this.list.findIndex((one) => one.place.block === place.block && one.place.offset === place.offset && one.type === type);
    const at = found < 0 ? this.list.push({ place, type, access }) - 1 : found;
    const pointer = this.list[at]!;
    if (access === 'read_write' && pointer.access === 'read') this.list[at] = { ...pointer, access };
    return `b${at}`;
  }
}

/** Threads of the blocks of a kernel: what its largest part takes. */
function threadsOf({ parts, tail }: Stages): number {
  const sizes = [...parts, ...tail.flat()].map(({ part }) => (part.flat === undefined ? part.size : 0));
  return Math.max(...sizes, 0) || FLAT_THREADS;
}

/** Registers of a multiprocessor. */
const REGISTERS = 65_536;

/**
 * What a kernel is bound to: its threads, and how many blocks are to find room on a multiprocessor, where parts say what they need. By
 * itself ptxas makes room for as many as shared memory has, and spills a few bytes for the last one.
 */
function boundsOf({ parts, tail }: Stages, threads: number): string {
  const needs = [...parts, ...tail.flat()].flatMap(({ part }) => part.registers ?? []);
  if (needs.length === 0) return `${threads}`;
  return `${threads}, ${Math.max(1, Math.floor(REGISTERS / (threads * Math.max(...needs))))}`;
}

/** A function whose arrays may be those that other parts of its kernel have written. */
function withoutRestrict(code: string): string {
  return code.replaceAll(' *__restrict__ ', ' *');
}

/** Writes the kernel of a launch: which part a block works on is told by its number. `arrived`: a number that is 0 before and behind. */
export function assemble(stages: Stages, arrived: Place, moved: (place: Place, group: number) => Place): Assembled {
  const { parts, tail } = stages;
  const threads = threadsOf(stages);
  const pointers = new Pointers();
  const functions = new Map<string, string>();
  const tables: Table[] = [];
  const ranges: Range[] = [];
  const names = new Map<string, string>();
  const nameOf = (code: string): string => {
    const known = names.get(code);
    if (known !== undefined) return known;
    const name = `@part${names.size}@`;
    names.set(code, name);
    functions.set(name, code);
    return name;
  };
  const arrays = ({ part, group }: Work) => part.bindings.map((binding): Pointer => ({ ...binding, place: moved(binding.place, group) }));
  const given = (work: Work) => [...arrays(work).map((array) => pointers.name(array)), ...work.part.numbers.map((number) => `${number}u`)];

  const byCode = new Map<string, Work[]>();
  for (const work of parts) {
    const same = byCode.get(work.part.code);
    if (same === undefined) byCode.set(work.part.code, [work]);
    else same.push(work);
  }
  let blocks = 0;
  const branches: { readonly end: number; readonly lines: readonly string[] }[] = [];
  const take = (work: Work, count: number): number => {
    const first = blocks;
    ranges.push({ group: work.group, first, blocks: count });
    blocks += count;
    return first;
  };
  const at = (first: number) => (first === 0 ? 'block' : `block - ${first}u`);
  for (const [code, works] of byCode) {
    const name = nameOf(code);
    if (works[0]!.part.flat !== undefined && works.length >= FEWEST_OF_TABLE) {
      const from = works.map((work) => take(work, Math.ceil(work.part.flat! / threads)));
      const table = tableOf(
        works.map((work) => ({ arrays: arrays(work), numbers: work.part.numbers, count: work.part.flat! })),
        from,
      );
      const variable = `t${tables.push(table) - 1}`;
      const call = `${name}(${table.call(variable, (array) => pointers.name(array)).join(', ')}, i);`;
      branches.push({ end: blocks, lines: searchTable(variable, from.length, threads, call) });
      continue;
    }
    for (const work of works) {
      const { flat, workgroups, size } = work.part;
      if (flat !== undefined) {
        const first = take(work, Math.ceil(flat / threads));
        const lines = [
          `const u32 i = (${at(first)}) * ${threads}u + lid;`,
          `if (i < ${flat}u) { ${name}(${[...given(work), 'i'].join(', ')}); }`,
        ];
        branches.push({ end: blocks, lines });
        continue;
      }
      const [x, y] = workgroups;
      const first = take(work, x * y);
      const where = y === 1 ? `{${at(first)}, 0u}` : `{(${at(first)}) % ${x}u, (${at(first)}) / ${x}u}`;
      const call = `${name}(${[...given(work), 'lid', `block_place${where}`, 'shared'].join(', ')});`;
      branches.push({ end: blocks, lines: [size === threads ? call : `if (lid < ${size}u) { ${call} }`] });
    }
  }
  const body = branches.flatMap(({ end, lines }, i) => {
    if (branches.length === 1) return [...lines];
    const head = i === 0 ? `if (block < ${end}u) {` : i === branches.length - 1 ? '} else {' : `} else if (block < ${end}u) {`;
    return [head, ...indent(lines), ...(i === branches.length - 1 ? ['}'] : [])];
  });
  const last = tail.flatMap((works, stage) => [
    ...(stage === 0 ? [] : [`barrier<${threads}>();`]),
    ...works.flatMap((work, i) => {
      const name = nameOf(withoutRestrict(work.part.code));
      const { flat, size } = work.part;
      if (flat !== undefined)
        return [`for (u32 i = lid; i < ${flat}u; i += ${threads}u) { ${name}(${[...given(work), 'i'].join(', ')}); }`];
      const call = `${name}(${[...given(work), 'lid', 'block_place{0u, 0u}', 'shared'].join(', ')});`;
      return [...(i === 0 ? [] : [`barrier<${threads}>();`]), size === threads ? call : `if (lid < ${size}u) { ${call} }`];
    }),
  ]);
  if (last.length > 0) {
    const counter = pointers.name({ place: arrived, type: 'u32', access: 'read_write' });
    last.unshift('SHARED(u32, number, 1);', `if (!last_of_blocks<${threads}>(${counter}, ${blocks}u, number)) { return; }`);
  }
  const shared = Math.max(0, ...[...parts, ...tail.flat()].map(({ part }) => part.shared));
  // An array that another part reads once it is complete is no array of one part alone.
  const alone = tail.length === 0 ? ' *__restrict__ ' : ' *';
  const parameters = [
    'const u32 first',
    ...pointers.list.map(({ type, access }, i) => `${access === 'read' ? 'const ' : ''}${type}${alone}b${i}`),
    ...tables.map((_, i) => `const ${NAME}_table${i} t${i}`),
  ];
  const lines = [
    ...tables.flatMap((table, i) => table.declare(`${NAME}_table${i}`)),
    `KERNEL(${boundsOf(stages, threads)}) ${NAME}(${parameters.join(', ')}) {`,
    ...indent([
      ...(shared > 0 ? [`SHARED(u8, shared, ${shared});`] : []),
      'const u32 lid = thread_of_block(), block = first + block_x();',
      ...body,
      ...last,
    ]),
    '}',
  ];
  return { code: lines.join('\n'), functions, threads, pointers: pointers.list, tables, blocks, ranges };
}
