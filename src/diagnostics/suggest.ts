/** Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, substitutions, swaps of neighbours. */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(substitution, previous[j]! + 1, current[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, beforePrevious[j - 2]! + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length]!;
}

const MAX_LENGTH = 40;

function normalize(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, '');
}

/** Digits make names of different things, not of one: `cifar100` is no misspelt `cifar10`. A name without any may be short for one with. */
function sameDigits(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => text.replace(/\D+/g, ' ').trim());
  return left === '' || right === '' || left === right;
}

/** The candidate that the user most likely meant, if any is near: at most a third of its letters differ, and no digit. */
export function closest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > MAX_LENGTH) return undefined;
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const limit = Math.max(1, Math.floor(Math.max(name.length, candidate.length) / 3));
    if (Math.abs(name.length - candidate.length) > limit + 2 || !sameDigits(name, candidate)) continue;
    const distance = Math.min(editDistance(name, candidate), editDistance(normalize(name), normalize(candidate)) + 0.5);
    if (distance <= limit && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** "`a`, `b` or `c`" */
export function listNames(names: readonly string[], word: 'or' | 'and' = 'or'): string {
  const quoted = names.map((name) => `\`${name}\``);
  if (quoted.length < 2) return quoted.join('');
  return `${quoted.slice(0, -1).join(', ')} ${word} ${quoted.at(-1)}`;
}

/** What names are of, in words. */
const SINGULAR = {
  arguments: 'argument',
  choices: 'choice',
  'data sets': 'data set',
  formats: 'format',
  functions: 'function',
  initializers: 'initializer',
  keys: 'key',
  layers: 'layer',
  names: 'name',
  options: 'option',
  properties: 'property',
  settings: 'setting',
} as const;

/** "did you mean `conv2d`?", or else all names where they are few enough to read. */
export function suggestion(name: string, candidates: readonly string[], nouns: keyof typeof SINGULAR): string | undefined {
  const near = closest(name, candidates);
  if (near !== undefined) return `did you mean \`${near}\`?`;
  if (candidates.length === 0) return undefined;
  const is = candidates.length === 1 ? `the only ${SINGULAR[nouns]} is` : `the ${nouns} are`;
  return `${is} ${listNames([...candidates], 'and')}`;
}
