import { type Code, Piece, partsOf, type Quantity, spelled } from '../code.js';
import { isSlot, type Slot, slotsOf } from './form.js';
import { ArraySize, Call, Head, NumberTable, OwnName } from './kernel-code.js';

/** One kernel's code for all of a form: what its numbers are stands in a table, which each of them has behind its buffers. */
export interface SharedCode {
  /** Text by the name that the kernel gets. */
  readonly code: (name: string) => string;
  /** The numbers of each kernel, in the order of the codes. */
  readonly numbers: readonly (readonly number[])[];
}

/** A number among the kernel's own. */
class Column extends Piece {
  readonly key = '';

  constructor(readonly index: number) {
    super();
  }

  get variable(): string {
    return `N${this.index}`;
  }

  spell(): string {
    return this.variable;
  }
}

/** A table among the kernel's numbers, from one of them on. */
class PlacedTable extends Piece {
  readonly key = '';

  constructor(
    readonly table: NumberTable,
    readonly offset: number,
  ) {
    super();
  }

  /** C statement that declares it in a function. */
  declare(owner: string): string {
    const [name, { sizes }, at] = [this.table.spellName(owner), this.table, `numbers + ${this.offset}`];
    return sizes === '' ? `const int *const ${name} = ${at};` : `const int (*const ${name})${sizes} = (const int (*)${sizes})(${at});`;
  }

  /** One before all functions is declared in each that reads it. */
  spell(owner: string): string {
    return this.table.isLocal ? this.declare(owner) : '';
  }
}

/** Numbers that all kernels have are written down, others read from the kernel's own; those that always agree are one. */
class Columns {
  readonly #places = new Map<string, number>();
  readonly columns: (readonly number[])[] = [];

  column(values: readonly number[]): Column {
    const key = values.join();
    const known = this.#places.get(key);
    if (known !== undefined) return new Column(known);
    this.#places.set(key, this.columns.length);
    this.columns.push(values);
    return new Column(this.columns.length - 1);
  }

  /** A table whose rows differ, shorter ones filled up. */
  table(tables: readonly NumberTable[]): PlacedTable {
    const start = this.columns.length;
    const length = Math.max(...tables.map(({ values }) => values.length));
    for (let i = 0; i < length; i += 1) this.columns.push(tables.map(({ values }) => values[i] ?? 0));
    return new PlacedTable(tables[0]!, start);
  }

  /** What stands in the shared code where the kernels have these. Arrays on the stack have room for the largest. */
  join(slots: readonly Slot[]): Slot | Column | PlacedTable {
    const [first] = slots as readonly [Slot, ...Slot[]];
    if (first instanceof NumberTable) {
      const tables = slots as readonly NumberTable[];
      return tables.every(({ values }) => values.join() === first.values.join()) ? first : this.table(tables);
    }
    const values = (slots as readonly Quantity[]).map(({ value }) => value);
    if (values.every((value) => value === first.value)) return first;
    return first instanceof ArraySize ? new ArraySize(Math.max(...values)) : this.column(values);
  }
}

/**
 * The code of kernels of one form. `entries`: its functions that are called with the kernel's buffers; the others are handed the numbers.
 * `buffers`: how many buffers each kernel has.
 */
export function shareCode(codes: readonly Code[], entries: ReadonlySet<string>, buffers: number): SharedCode {
  const columns = new Columns();
  const slots = codes.map(slotsOf);
  let slot = 0;
  const parts = partsOf(codes[0]!).map((part) => {
    if (!isSlot(part)) return part;
    slot += 1;
    return columns.join(slots.map((own) => own[slot - 1]!));
  });
  const numbers = codes.map((_, kernel) => columns.columns.map((column) => column[kernel]!));
  return { code: (name) => withNumbers(parts, entries, buffers, name), numbers };
}

/** A function of a kernel: its head, and what stands behind that up to the next head. */
interface KernelFunction {
  readonly head: Head;
  readonly body: (string | Piece)[];
}

function functionsOf(parts: readonly (string | Piece)[]) {
  const before: (string | Piece)[] = [];
  const functions: KernelFunction[] = [];
  for (const part of parts) {
    if (part instanceof Head) functions.push({ head: part, body: [] });
    else (functions.at(-1)?.body ?? before).push(part);
  }
  return { before, functions };
}

/** Gives the functions of a kernel the numbers that they use. */
function withNumbers(parts: readonly (string | Piece)[], entries: ReadonlySet<string>, buffers: number, owner: string): string {
  const { before, functions } = functionsOf(parts);
  const tables = parts.filter((part) => part instanceof PlacedTable).filter(({ table }) => !table.isLocal);
  const given = new Set<string>();
  const texts = functions.map(({ head, body }) => {
    const used = [...new Map(body.filter((part) => part instanceof Column).map((column) => [column.index, column])).values()];
    const named = new Set(body.flatMap((part) => (part instanceof OwnName ? [part.suffix] : [])));
    const read = tables.filter(({ table }) => named.has((table.name as OwnName).suffix));
    const hasOwn = body.some((part) => part instanceof PlacedTable && part.table.isLocal);
    const callsGiven = body.some((part) => part instanceof Call && given.has(part.name.suffix));
    const text = () =>
      body.map((part) => (part instanceof Call && given.has(part.name.suffix) ? `${part.spell(owner)}numbers, ` : spelled(part, owner)));
    if (used.length === 0 && !hasOwn && read.length === 0 && !callsGiven) return [head.spell(owner), ...text()].join('');
    const isEntry = entries.has(head.name.suffix);
    if (!isEntry) given.add(head.name.suffix);
    const lines = [
      ...(isEntry ? [`const int *const numbers = p[${buffers}];`] : []),
      ...(used.length > 0
        ? [`const int ${used.map(({ variable, index }) => `${variable} = number_at(numbers, ${index})`).join(', ')};`]
        : []),
      ...read.map((table) => table.declare(owner)),
    ];
    const own = isEntry ? head : new Head(head.start, head.name, `const int *numbers, ${spelled(head.parameters, owner)}`);
    return [own.spell(owner), ...lines.map((line) => `\n  ${line}`), ...text()].join('');
  });
  return [...before.map((part) => spelled(part, owner)), ...texts].join('');
}
