/** Numbers from a seed (mulberry32): the same on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * end);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** Names and numbers that readers trip over. */
const HOSTILE = [
  'toString',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  '-1',
  '0',
  '1e999',
  '99999999999999999999',
  'NaN',
  '0.5',
  'true',
  'null',
  '',
  '"',
  '\u0000',
  '\u200b',
  '\r',
  '💥',
  '*'.repeat(40),
  '('.repeat(150),
];

/** Damages a text in one to three ways: pieces cut, doubled, swapped, spliced in from `others`, or replaced by what is hostile. */
export function mutateText(text: string, random: Random, others: readonly string[] = []): string {
  let result = text;
  for (let count = 1 + random.below(3); count > 0; count--) {
    const words = [...result.matchAll(/[\w.]+|[^\s\w]/g)];
    const at = random.below(result.length + 1);
    const end = Math.min(result.length, at + 1 + random.below(20));
    const word = words.length > 0 ? random.pick(words) : undefined;
    const replace = (start: number, stop: number, by: string) => result.slice(0, start) + by + result.slice(stop);
    switch (random.below(8)) {
      case 0:
        result = replace(at, end, '');
        break;
      case 1:
        result = result.slice(0, at);
        break;
      case 2:
        result = replace(at, at, result.slice(at, end));
        break;
      case 3:
        result = replace(at, at + 1, String.fromCharCode(random.below(200)));
        break;
      case 4:
        result = replace(at, at, random.pick(HOSTILE));
        break;
      case 5: {
        const other = others.length > 0 ? random.pick(others) : result;
        const from = random.below(other.length + 1);
        result = replace(at, end, other.slice(from, from + random.below(200)));
        break;
      }
      default:
        // Most damage that gets past the first check is a word in the place of another.
        if (word !== undefined)
          result = replace(word.index, word.index + word[0].length, random.below(2) === 0 ? random.pick(HOSTILE) : random.pick(words)[0]);
    }
  }
  return result;
}

const VALUES: readonly unknown[] = [null, true, -1, 0, 0.5, 1e308, 2 ** 53, '', 'toString', [], {}, [null], [[]], { __proto__: 1 }];

/** A copy of plain data with one part dropped, retyped, or put in the place of another. */
function mutateValue(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random.below(5) === 0) return random.pick(VALUES);
  const entries = Object.entries(value);
  if (entries.length === 0) return random.pick(VALUES);
  const at = random.below(entries.length);
  const [key, part] = entries[at]!;
  const changed: [string, unknown][] =
    random.below(4) === 0 ? [] : random.below(8) === 0 ? [[random.pick(HOSTILE), part]] : [[key, mutateValue(part, random)]];
  entries.splice(at, 1, ...changed);
  return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

/** JSON that is damaged as data, and now and then as text. */
export function mutateJson(text: string, random: Random): string {
  if (random.below(4) === 0) return mutateText(text, random);
  let value: unknown = JSON.parse(text);
  for (let count = 1 + random.below(2); count > 0; count--) value = mutateValue(value, random);
  return JSON.stringify(value) ?? 'null';
}

/** Bytes flipped, cut off, cut out, or put in. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const result = Buffer.from(bytes);
  const at = random.below(bytes.length);
  switch (random.below(4)) {
    case 0:
      return result.subarray(0, at);
    case 1:
      return Buffer.concat([result.subarray(0, at), result.subarray(at + 1 + random.below(100))]);
    case 2:
      return Buffer.concat([result.subarray(0, at), result.subarray(0, random.below(100)), result.subarray(at)]);
    default:
      // The heads of files say the most.
      for (let count = 1 + random.below(4); count > 0; count--)
        result[random.below(random.below(2) === 0 ? bytes.length : Math.min(600, bytes.length))] = random.below(256);
      return result;
  }
}
