import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { systemError } from '../files/system-error.js';

/** Files by their paths from `root`; the parts are joined by `/` everywhere. */
export interface FoundFiles {
  readonly root: string;
  readonly paths: readonly string[];
}

const WILD = /[*?{]/;

export function isPattern(path: string): boolean {
  return WILD.test(path);
}

/** `*` and `?` stay within one part of a path, `**` does not, and `{a,b}` is either. */
function expressionOf(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/|\*\*|\{[^{}]*\}|[\s\S]/g, (part) => {
    if (part === '**/') return '(?:[^/]+/)*';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (part.length > 1) return `(?:${part.slice(1, -1).split(',').map(innerOf).join('|')})`;
    return part.replace(/[\\^$.+()[\]{}|]/, '\\$&');
  });
  return new RegExp(`^${source}$`);
}

function innerOf(pattern: string): string {
  return expressionOf(pattern).source.slice(1, -1);
}

/** Paths of what is below a folder, without what is hidden. Throws UserError AMP6110. */
function pathsBelow(root: string, recursive: boolean): string[] {
  try {
    const found = readdirSync(root, { recursive, encoding: 'utf8' }).map((path) => path.replaceAll(sep, '/'));
    return found.filter((path) => !path.split('/').some((part) => part.startsWith('.')));
  } catch (error) {
    throw systemError(error as NodeJS.ErrnoException, { path: root, doing: 'read' });
  }
}

/**
 * The files that a path names: the file itself, all below a folder whose names end with `ending`, or those of a pattern, in no order. None
 * where nothing has that name. Throws UserError AMP6110.
 */
export function findFiles(path: string, ending: string): FoundFiles {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile()) return { root: dirname(path), paths: [basename(path)] };
  if (found?.isDirectory()) return { root: path, paths: pathsBelow(path, true).filter((name) => name.endsWith(ending)) };
  if (!isPattern(path)) return { root: dirname(path), paths: [] };
  const parts = path.split(/[/\\]/);
  const first = parts.findIndex(isPattern);
  const root = parts.slice(0, first).join('/') || (first > 0 ? '/' : '.');
  const rest = parts.slice(first).join('/');
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) return { root, paths: [] };
  const expression = expressionOf(rest);
  const matching = pathsBelow(root, rest.includes('/') || rest.includes('**')).filter((name) => expression.test(name));
  return { root, paths: matching.filter((name) => statSync(join(root, name), { throwIfNoEntry: false })?.isFile() === true) };
}
