import { type Form, SELF, type Table } from './form.js';

/** One kernel's code for all of a form: what its numbers are stands in a table, which each of them has behind its buffers. */
export interface SharedCode {
  readonly code: string;
  /** The numbers of each kernel, in the order of the forms. */
  readonly numbers: readonly (readonly number[])[];
}

interface PlacedTable {
  readonly table: Table;
  /** Among the kernel's numbers. */
  readonly offset: number;
}

/** A function's head: what stands before its name and its parameters, on a line that does not start with a space. */
const HEAD = new RegExp(String.raw`^(?:static|INLINE|HIDDEN)\b.*?(${SELF}\w*)\((.*?)\) \{`, 'gm');

function declaration({ table: { name, inner }, offset }: PlacedTable): string {
  const at = `numbers + ${offset}`;
  return inner === '' ? `const int *const ${name} = ${at};` : `const int (*const ${name})${inner} = (const int (*)${inner})(${at});`;
}

/** Numbers that all kernels have are written down, others read from the kernel's own; those that always agree are one. */
class Columns {
  readonly #places = new Map<string, number>();
  readonly columns: (readonly number[])[] = [];

  /** The text of a number in an expression. */
  number(values: readonly number[]): string {
    const [first] = values;
    if (values.every((value) => value === first)) return String(first);
    const key = values.join();
    const known = this.#places.get(key);
    if (known !== undefined) return `N${known}`;
    this.#places.set(key, this.columns.length);
    this.columns.push(values);
    return `N${this.columns.length - 1}`;
  }

  /** Where a table starts whose rows differ, shorter ones filled up. */
  table(rows: readonly (readonly number[])[]): number {
    const start = this.columns.length;
    const length = Math.max(...rows.map((row) => row.length));
    for (let i = 0; i < length; i += 1) this.columns.push(rows.map((row) => row[i] ?? 0));
    return start;
  }
}

/**
 * The code of kernels of one form. `entries`: its functions that are called with the kernel's buffers; the others are handed the numbers.
 * `buffers`: how many buffers each kernel has. Arrays on the stack have room for the largest.
 */
export function shareCode(forms: readonly Form[], entries: ReadonlySet<string>, buffers: number): SharedCode {
  const [first] = forms as readonly [Form, ...Form[]];
  const columns = new Columns();
  const tables: PlacedTable[] = [];
  const text: string[] = [];
  for (const [i, slot] of first.slots.entries()) {
    text.push(first.between[i]!);
    const slots = forms.map((form) => form.slots[i]!);
    if (slots.every((other) => other.text === slot.text)) text.push(slot.text);
    else if (slot.kind === 'table') {
      const table = { table: slot.table, offset: columns.table(slots.map(({ values }) => values)) };
      if (slot.table.isLocal) text.push(`  ${declaration(table)}`);
      else tables.push(table);
    } else {
      const values = slots.map((other) => other.values[0]!);
      text.push(slot.kind === 'size' ? String(Math.max(...values)) : columns.number(values));
    }
  }
  text.push(first.between.at(-1)!);
  const numbers = forms.map((_, kernel) => columns.columns.map((column) => column[kernel]!));
  return { code: withNumbers(text.join(''), tables, entries, buffers), numbers };
}

/** Gives the functions of a kernel the numbers that they use. */
function withNumbers(code: string, tables: readonly PlacedTable[], entries: ReadonlySet<string>, buffers: number): string {
  const heads = [...code.matchAll(HEAD)];
  const given = new Set<string>();
  const call = new RegExp(String.raw`(${SELF}\w*)\(`, 'g');
  const functions = heads.map((head, i) => {
    const [start, name, parameters] = head as unknown as readonly [string, string, string];
    const body = code.slice(head.index + start.length, heads[i + 1]?.index);
    const used = [...new Set(body.match(/\bN\d+\b/g))].map((number) => `${number} = number_at(numbers, ${number.slice(1)})`);
    const read = tables.filter(({ table }) => body.includes(table.name));
    const callsGiven = [...body.matchAll(call)].some(([, called]) => given.has(called!));
    if (used.length === 0 && !body.includes('numbers') && read.length === 0 && !callsGiven) return start + body;
    const isEntry = entries.has(name);
    if (!isEntry) given.add(name);
    return [
      isEntry ? start : start.replace(`${name}(${parameters})`, `${name}(const int *numbers, ${parameters})`),
      ...(isEntry ? [`  const int *const numbers = p[${buffers}];`] : []),
      ...(used.length > 0 ? [`  const int ${used.join(', ')};`] : []),
      ...read.map((table) => `  ${declaration(table)}`),
      body.replace(/^\n/, '').replaceAll(call, (text, called: string) => (given.has(called) ? `${text}numbers, ` : text)),
    ].join('\n');
  });
  return code.slice(0, heads[0]?.index) + functions.join('');
}

/** Whether all that refers to the functions of a kernel, but for the entries, are calls, which can hand on numbers. */
export function canShare(code: string, entries: ReadonlySet<string>): boolean {
  const names = new Set([...code.matchAll(HEAD)].map(([, name]) => name!));
  for (const [, name, next] of code.matchAll(new RegExp(String.raw`(${SELF}\w*)([^\w]|$)`, 'g')))
    if (names.has(name!) && !entries.has(name!) && next !== '(') return false;
  return true;
}
