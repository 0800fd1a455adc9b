/** A row of a table, or one that stands for several which differ in the numbers of their blocks alone. */
export interface FoldedRow<T> {
  /** Of one block; `encoder.0…11.norm` for the same layer of twelve. */
  readonly name: string;
  /** What it stands for, in order. */
  readonly items: readonly [T, ...T[]];
}

/** How the items of a table are folded. */
export interface Folding<T> {
  /** Path of the layer that an item belongs to: blocks are told by the numbers in it. */
  readonly path: (item: T) => string;
  /** What the row is called: with paths in it. */
  readonly name: (item: T) => string;
  /** What else equal rows have in common. */
  readonly facts: (item: T) => readonly unknown[];
}

interface Block<T> {
  readonly rows: FoldedRow<T>[];
  /** Path up to the block's number; undefined for a row outside of numbered blocks. */
  readonly container?: string;
  readonly number: number;
}

const isNumber = (segment: string) => /^\d+$/.test(segment);

/** The text with each number behind the path of `container` made anew. */
function renumber(text: string, container: string, number: (old: number) => string): string {
  const path = new RegExp(`(?<![\\w.])(${container.replace(/\W/g, '\\$&')}\\.)(\\d+)(?!\\d)`, 'g');
  return text.replace(path, (_, before: string, old: string) => `${before}${number(Number(old))}`);
}

/** Rows in a row that lie in one numbered block; `depth` segments of their paths are not looked at. */
function blocksOf<T>(rows: readonly FoldedRow<T>[], { path }: Folding<T>, depth: number): readonly Block<T>[] {
  const blocks: Block<T>[] = [];
  for (const row of rows) {
    const segments = path(row.items[0]).split('.');
    const at = segments.findIndex((segment, index) => index >= depth && isNumber(segment));
    const container = at < 1 ? undefined : segments.slice(0, at).join('.');
    const number = Number(segments[at]);
    const open = blocks.at(-1);
    if (container !== undefined && open?.container === container && open.number === number) open.rows.push(row);
    else blocks.push({ rows: [row], number, ...(container !== undefined && { container }) });
  }
  return blocks;
}

/** Of each row of a block what is equal in blocks that differ in their number alone: its name, and with that its facts. */
interface Keys {
  readonly names: readonly string[];
  readonly rows: readonly string[];
}

function keysOf<T>({ rows, container = '', number }: Block<T>, { path, facts }: Folding<T>): Keys {
  const relative = (text: string) => renumber(text, container, (old) => `#${old - number}`);
  const key = (values: readonly unknown[]) =>
    JSON.stringify(values, (_, value: unknown) => (typeof value === 'string' ? relative(value) : value));
  return {
    names: rows.map(({ name, items: [item] }) => key([path(item), name])),
    rows: rows.map(({ name, items: [item] }) => key([path(item), name, ...facts(item)])),
  };
}

/** The share of rows that blocks with the same ones have to be alike in, to be folded: a row that differs is shown by itself. */
const ALIKE = 0.75;

function areAlike(a: Keys, b: Keys): boolean {
  if (a.names.length !== b.names.length || a.names.some((name, row) => name !== b.names[row])) return false;
  return a.rows.filter((key, row) => key === b.rows[row]).length >= ALIKE * a.rows.length;
}

/** Blocks behind `first` that are like it and numbered on from it, upwards or downwards. */
function runFrom<T>(blocks: readonly Block<T>[], keys: readonly Keys[], first: number): readonly Block<T>[] {
  const { container, number } = blocks[first]!;
  const step = (blocks[first + 1]?.number ?? 0) - number;
  if (container === undefined || Math.abs(step) !== 1) return [blocks[first]!];
  const end = blocks.findIndex((block, index) => {
    const isNext = block.container === container && block.number === number + step * (index - first);
    return index > first && !(isNext && areAlike(keys[first]!, keys[index]!));
  });
  return blocks.slice(first, end === -1 ? undefined : end);
}

/** Row `row` of blocks that are folded: once for those of them behind each other that are equal in it. */
function rowsTogether<T>(run: readonly Block<T>[], keys: readonly Keys[], row: number): readonly FoldedRow<T>[] {
  const starts = run.flatMap((_, i) => (i === 0 || keys[i]!.rows[row] !== keys[i - 1]!.rows[row] ? [i] : []));
  return starts.map((start, i) => {
    const alike = run.slice(start, starts[i + 1]);
    const { name } = alike[0]!.rows[row]!;
    return { name, items: alike.flatMap((block) => block.rows[row]!.items) as [T, ...T[]] };
  });
}

/** A row with the numbers of all blocks that it stands for in its name. */
function spanning<T>({ name, items }: FoldedRow<T>, container: string, { path }: Folding<T>): FoldedRow<T> {
  const depth = container.split('.').length;
  const [first, last] = [items[0], items.at(-1)!].map((item) => Number(path(item).split('.')[depth])) as [number, number];
  return { items, name: first === last ? name : renumber(name, container, (old) => `${old}…${old + last - first}`) };
}

function fold<T>(rows: readonly FoldedRow<T>[], folding: Folding<T>, depth: number): readonly FoldedRow<T>[] {
  const blocks = blocksOf(rows, folding, depth);
  const keys = blocks.map((block) => (block.container === undefined ? { names: [], rows: [] } : keysOf(block, folding)));
  const folded: FoldedRow<T>[] = [];
  for (let first = 0; first < blocks.length; ) {
    const run = runFrom(blocks, keys, first);
    const { container, rows: own } = run[0]!;
    const ofRun = keys.slice(first, first + run.length);
    first += run.length;
    if (container === undefined) folded.push(...own);
    else {
      const together = own.flatMap((_, row) => rowsTogether(run, ofRun, row));
      folded.push(...fold(together, folding, container.split('.').length + 1).map((row) => spanning(row, container, folding)));
    }
  }
  return folded;
}

/** A row for each item. */
export function eachRow<T>(items: readonly T[], { name }: Pick<Folding<T>, 'name'>): readonly FoldedRow<T>[] {
  return items.map((item) => ({ name: name(item), items: [item] }));
}

/** The rows of a table in which equal blocks that follow each other (`encoder.0`, `encoder.1`, …) are one. */
export function foldRows<T>(items: readonly T[], folding: Folding<T>): readonly FoldedRow<T>[] {
  return fold(eachRow(items, folding), folding, 0);
}
