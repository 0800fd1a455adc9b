import { BadFile } from './bad-file.js';

/** An array of numpy, as bytes in row-major order. */
export interface PickledArray {
  readonly kind: 'array';
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A value that only pickles of some names hold. */
export abstract class PickledObject {
  abstract readonly kind: string;
}

/** What a pickle of data holds. Strings of Python 2 and bytes are text, one character a byte; an integer beyond 2^53 is refused. */
export type Pickled = null | boolean | number | string | PickledArray | PickledObject | readonly Pickled[] | ReadonlyMap<Pickled, Pickled>;

/** What is on the stack and becomes data, or helps to make some. */
export type Item = Pickled | PickledObject | Mark | Global | Tuple | Dtype | Unfilled | Item[] | Map<Item, Item>;

export class Mark {}
export class Tuple {
  constructor(readonly items: readonly Item[]) {}
}
export class Dtype {
  constructor(readonly name: string) {}
}
/** An array that a later BUILD fills. */
export class Unfilled {
  array: PickledArray | undefined;
}
export class Global {
  constructor(
    readonly name: string,
    /** What stands for the result of a call; nothing is called. */
    readonly make?: (args: readonly Item[], fail: (why: string) => never) => Item,
  ) {}
}

/** The names that a kind of pickle may ask for; all others are refused. */
export interface PickleNames {
  /** By `module name`. */
  readonly globals: ReadonlyMap<string, Global>;
  /** What something outside of the pickle is, by how the pickle calls it; undefined where that is no such name. */
  readonly persistent?: (id: Item) => Item | undefined;
}

const text = (item: Item | undefined, fail: (why: string) => never): string =>
  typeof item === 'string' ? item : fail('a text is missing');
const reconstruct = new Global('_reconstruct', () => new Unfilled());

/** What numpy puts arrays together with, and how Python 3 writes bytes for Python 2. */
export const NUMPY_NAMES: PickleNames = {
  globals: new Map([
    ['numpy.core.multiarray _reconstruct', reconstruct],
    ['numpy._core.multiarray _reconstruct', reconstruct],
    ['numpy ndarray', new Global('ndarray')],
    ['numpy dtype', new Global('dtype', ([name], fail) => new Dtype(text(name ?? '', fail)))],
    ['_codecs encode', new Global('encode', ([first], fail) => text(first ?? '', fail))],
  ]),
};

/** Bytes of an element by its type in numpy. */
const ITEM_BYTES: Readonly<Record<string, number>> = { u1: 1, i1: 1, b1: 1, u2: 2, i2: 2, u4: 4, i4: 4, i8: 8, u8: 8 };

export const MOST_ITEMS = 1_000_000;

const LATIN1 = new TextDecoder('latin1');
const UTF8 = new TextDecoder('utf-8', { fatal: true });

export function latin1(bytes: Uint8Array): string {
  // The encoding that goes by this name on the web has other characters in 0x80 to 0x9f.
  return bytes.some((byte) => byte >= 0x80)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    : LATIN1.decode(bytes);
}

/** The stack that opcodes work on, and what they make on it; each as Python's pickletools describes it. */
export class PickleMachine {
  private at = 0;
  private readonly stack: Item[] = [];
  private readonly memo = new Map<number, Item>();
  private items = 0;
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly names: PickleNames,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  fail(why: string): never {
    throw new BadFile(`byte ${this.at} of the pickle: ${why}`);
  }

  take(count: number): Uint8Array {
    if (!Number.isSafeInteger(count) || count < 0 || this.at + count > this.bytes.length) this.fail('it ends too early');
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  get position(): number {
    return this.at;
  }

  double(): number {
    const start = this.at;
    this.take(8);
    return this.view.getFloat64(start);
  }

  number(bytes: 1 | 2 | 4 | 8): number {
    const start = this.at;
    this.take(bytes);
    if (bytes === 1) return this.view.getUint8(start);
    if (bytes === 2) return this.view.getUint16(start, true);
    if (bytes === 4) return this.view.getUint32(start, true);
    return Number(this.view.getBigUint64(start, true));
  }

  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) this.fail('it ends too early');
    const text = latin1(this.take(end - this.at));
    this.at += 1;
    return text;
  }

  push(item: Item): void {
    if (++this.items > MOST_ITEMS) this.fail('it holds too many values');
    this.stack.push(item);
  }

  mark(): void {
    this.stack.push(new Mark());
  }

  get memoSize(): number {
    return this.memo.size;
  }

  pop(): Item {
    const item = this.stack.pop();
    if (item === undefined || item instanceof Mark) return this.fail('a value is missing');
    return item;
  }

  toMark(): Item[] {
    const from = this.stack.findLastIndex((item) => item instanceof Mark);
    if (from < 0) this.fail('a mark is missing');
    const items = this.stack.splice(from);
    return items.slice(1);
  }

  top(): Item {
    const item = this.stack.at(-1);
    return item === undefined || item instanceof Mark ? this.fail('a value is missing') : item;
  }

  list(): Item[] {
    const item = this.top();
    return Array.isArray(item) ? (item as Item[]) : this.fail('a list is missing');
  }

  dictionary(): Map<Item, Item> {
    const item = this.top();
    return item instanceof Map ? (item as Map<Item, Item>) : this.fail('a dictionary is missing');
  }

  text(item: Item): string {
    return typeof item === 'string' ? item : this.fail('a text is missing');
  }

  setItems(pairs: readonly Item[]): void {
    const into = this.dictionary();
    if (pairs.length % 2 !== 0) this.fail('a key has no value');
    for (let i = 0; i < pairs.length; i += 2) into.set(pairs[i]!, pairs[i + 1]!);
  }

  global(module: string, name: string): Global {
    return this.names.globals.get(`${module} ${name}`) ?? this.fail(`it asks for ${module}.${name}, which data does not need`);
  }

  long(): number {
    const bytes = this.take(this.number(1));
    let value = 0n;
    for (const [i, byte] of bytes.entries()) value |= BigInt(byte) << BigInt(8 * i);
    if (bytes.length > 0 && (bytes.at(-1)! & 0x80) !== 0) value -= 1n << BigInt(8 * bytes.length);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : this.fail('an integer is too large');
  }

  /** What a call makes of its arguments, without calling anything. */
  reduce(): undefined {
    const args = this.pop();
    const callee = this.pop();
    if (!(args instanceof Tuple) || !(callee instanceof Global) || callee.make === undefined)
      return this.fail('it calls what is no function of data');
    this.push(callee.make(args.items, (why) => this.fail(why)));
  }

  /** What the pickle only names: it lies beside it. */
  persistent(): void {
    this.push(this.names.persistent?.(this.pop()) ?? this.fail('it names what lies outside of it'));
  }

  build(): undefined {
    const state = this.pop();
    const item = this.top();
    // What an ordered dictionary has beside its entries, such as the versions of layers.
    if (item instanceof Map) return;
    if (!(state instanceof Tuple)) return this.fail('an object has no state of numpy');
    if (item instanceof Dtype) return;
    if (!(item instanceof Unfilled)) return this.fail('it builds what is no array');
    const [, shape, dtype, isFortran, data] = state.items;
    if (!(shape instanceof Tuple) || !(dtype instanceof Dtype) || isFortran !== false || typeof data !== 'string')
      return this.fail('an array is not of plain numbers, row by row');
    const sizes = shape.items.map((size) =>
      Number.isSafeInteger(size) && (size as number) >= 0 ? (size as number) : this.fail('an array has no size'),
    );
    const bytes = ITEM_BYTES[dtype.name] ?? this.fail(`an array is of ${dtype.name}, not of integers`);
    if (sizes.reduce((product, size) => product * size, bytes) !== data.length) this.fail('an array has another size than it says');
    item.array = { kind: 'array', dtype: dtype.name, shape: sizes, bytes: Buffer.from(data, 'latin1') };
  }

  remember(key: number): void {
    this.memo.set(key, this.top());
  }

  recall(key: number): void {
    this.push(this.memo.get(key) ?? this.fail('it repeats what was not there'));
  }

  utf8(length: number): string {
    try {
      return UTF8.decode(this.take(length));
    } catch (error) {
      return error instanceof BadFile ? this.fail('it ends too early') : this.fail('a text is not UTF-8');
    }
  }

  tuple(count: number): void {
    const items = Array.from({ length: count }, () => this.pop());
    this.push(new Tuple(items.reverse()));
  }
}
