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

/** Equal for blocks that differ in their number alone. */
function keyOf<T>({ rows, container = '', number }: Block<T>, { path, facts }: Folding<T>): string {
  const relative = (text: string) => renumber(text, container, (old) => `#${old - number}`);
  return JSON.stringify(
    rows.map(({ name, items: [item] }) => [path(item), name, ...facts(item)]),
    (_, value: unknown) => (typeof value === 'string' ? relative(value) : value),
  );
}

/** Blocks behind `first` that are like it and numbered on from it, upwards or downwards. */
function runFrom<T>(blocks: readonly Block<T>[], keys: readonly string[], first: number): readonly Block<T>[] {
  const { container, number } = blocks[first]!;
  const step = (blocks[first + 1]?.number ?? 0) - number;
  if (container === undefined || Math.abs(step) !== 1) return [blocks[first]!];
  const end = blocks.findIndex((block, index) => {
    return (
      index > first && (keys[index] !== keys[first] || block.container !== container || block.number !== number + step * (index - first))
    );
  });
  return blocks.slice(first, end === -1 ? undefined : end);
}

function fold<T>(rows: readonly FoldedRow<T>[], folding: Folding<T>, depth: number): readonly FoldedRow<T>[] {
  const blocks = blocksOf(rows, folding, depth);
  const keys = blocks.map((block) => (block.container === undefined ? '' : keyOf(block, folding)));
  const folded: FoldedRow<T>[] = [];
  for (let first = 0; first < blocks.length; ) {
    const run = runFrom(blocks, keys, first);
    const { container, number, rows: own } = run[0]!;
    first += run.length;
    if (container === undefined) {
      folded.push(...own);
      continue;
    }
    const span = run.at(-1)!.number - number;
    const name = (text: string) => (span === 0 ? text : renumber(text, container, (old) => `${old}…${old + span}`));
    const together = own.map((row, index) => ({ ...row, items: run.flatMap((block) => block.rows[index]!.items) as [T, ...T[]] }));
    const inner = fold(together, folding, container.split('.').length + 1);
    folded.push(...inner.map((row) => ({ ...row, name: name(row.name) })));
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
