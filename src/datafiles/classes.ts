import { showCharacters } from '../diagnostics/characters.js';
import { type UserError, userError } from '../diagnostics/diagnostic.js';
import { listNames } from '../diagnostics/suggest.js';
import { badFile } from './bad-file.js';

/** Labels shown of a set that has too few. */
const SHOWN = 5;

const inWords = (names: readonly string[]): string =>
  names.length > SHOWN ? `${names.slice(0, SHOWN).join(', ')} and so on` : names.join(', ').replace(/, (?=[^,]*$)/, ' and ');

/**
 * Names of classes that have none but their numbers, from 0 to the greatest. Throws UserError AMP7020 where most of these are no label at
 * all: a model has an output for each of them. `advice`: how to name classes in files of this kind.
 */
export function numberedClasses(where: string, labels: Iterable<number>, advice?: string): string[] {
  const found = new Set(labels);
  const known = [...found].sort((a, b) => a - b);
  const count = (known.at(-1) ?? -1) + 1;
  if (2 * found.size < count)
    throw badFile(
      where,
      `its labels are ${inWords(known.map(String))}: ${found.size} of the ${count.toLocaleString('en-US')} numbers from 0 on, ` +
        'each of which would be a class of the model',
      `number the classes from 0 to ${Math.max(0, found.size - 1)}${advice === undefined ? '' : `, or ${advice}`}`,
    );
  return Array.from({ length: count }, (_, label) => String(label));
}

/** Throws UserError AMP7020 for names of classes that nobody could tell apart: empty ones, ones with control characters, equal ones. */
export function checkNames(where: string, names: readonly string[]): void {
  const empty = names.findIndex((name) => name.trim() === '');
  if (empty >= 0) throw badFile(where, `the name of class ${empty} is empty`, 'give each class a name');
  const hidden = names.find((name) => /\p{Cc}/u.test(name));
  if (hidden !== undefined)
    throw badFile(
      where,
      `the name of the class \`${showCharacters(hidden)}\` has a control character, such as a line break, in it`,
      'give it another name',
    );
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw badFile(where, `two classes have the name \`${twice}\``, 'give each class a name of its own');
}

/** Names that differ in nothing but capitals; undefined where there are none. */
export function alikeNames(names: readonly string[]): readonly [string, string] | undefined {
  const seen = new Map<string, string>();
  for (const name of names) {
    const before = seen.get(name.toLowerCase());
    if (before !== undefined) return [before, name];
    seen.set(name.toLowerCase(), name);
  }
  return undefined;
}

/** Classes that the one split has and the other does not. Throws UserError AMP7017 where there are any. */
export function refuseUnlearned(where: string, names: readonly string[]): void {
  if (names.length > 0) throw unlearned(where, names);
}

function unlearned(where: string, names: readonly string[]): UserError {
  return userError(
    'AMP7017',
    `${where} has ${names.length === 1 ? 'a class' : 'classes'} that no training image has`,
    `${listNames(names.slice(0, 8), 'and')}${names.length > 8 ? ' and others' : ''} can be tested but never learned`,
    'give training and test images the same classes, or leave those test images out',
  );
}

/** Throws UserError AMP7017 where test images have labels that no training image has. */
export function checkLearned(where: string, classes: readonly string[], train: Iterable<number>, test: Iterable<number>): void {
  const learned = new Set(train);
  const unknown = [...new Set(test)].filter((label) => !learned.has(label)).sort((a, b) => a - b);
  refuseUnlearned(
    where,
    unknown.map((label) => classes[label]!),
  );
}

/** Throws UserError AMP7016 where a split has no images. */
export function checkFilled(where: string, counts: Readonly<Record<string, number>>): void {
  for (const [name, what] of Object.entries(NAMES))
    if (counts[name] === 0)
      throw userError(
        'AMP7016',
        `${where} has no ${what} images`,
        name === 'validation' ? '`validation` keeps some of each class that has at least two' : undefined,
        name === 'validation' ? 'leave out `validation`, or add images' : 'name another place, or divide it another way',
      );
}

const NAMES = { train: 'training', validation: 'validation', test: 'test' } as const;
