import { systemError } from '../files/system-error.js';
import { type Dirent, readdirSync, realpathSync, statSync } from '../platform/files.js';
import { join } from '../platform/path.js';

/** What systems and programs leave in folders, which belongs to nobody's class. Names with a dot in front are hidden and the same. */
const LITTER = new Set(['thumbs.db', 'ehthumbs.db', 'desktop.ini', '__macosx', '@eadir', 'icon\r']);

function isLitter(name: string): boolean {
  return name.startsWith('.') || LITTER.has(name.toLowerCase());
}

/** Units of UTF-16 in the order of the code points that they belong to: those above U+FFFF come last. */
const rank = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit);

export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const [one, other] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (one !== other) return rank(one) - rank(other);
  }
  return a.length - b.length;
}

interface Entry {
  readonly name: string;
  readonly isFolder: boolean;
}

/** What a folder holds, links followed where they lead somewhere, no litter, in the order of code points. Throws UserError AMP6110. */
export function entriesOf(folder: string): Entry[] {
  let found: Dirent[];
  try {
    found = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    throw systemError(error as NodeJS.ErrnoException, { path: folder, doing: 'read' });
  }
  const entries = found.filter(({ name }) => !isLitter(name));
  const isFolder = (entry: Dirent): boolean => {
    if (!entry.isSymbolicLink()) return entry.isDirectory();
    // A link that leads nowhere, or in a circle, is a file that cannot be read.
    try {
      return statSync(join(folder, entry.name)).isDirectory();
    } catch {
      return false;
    }
  };
  return entries.map((entry) => ({ name: entry.name, isFolder: isFolder(entry) })).sort((a, b) => byCodePoint(a.name, b.name));
}

/**
 * Every file below a folder, by its path from the root, litter left out. `above`: the folders that it lies in, as links end there. Throws
 * UserError AMP6110.
 */
export function filesBelow(root: string, path: string, above: readonly string[] = []): string[] {
  const real = realpathSync(join(root, path));
  if (above.includes(real)) return [];
  return entriesOf(join(root, path)).flatMap(({ name, isFolder }) =>
    isFolder ? filesBelow(root, `${path}/${name}`, [...above, real]) : [`${path}/${name}`],
  );
}
