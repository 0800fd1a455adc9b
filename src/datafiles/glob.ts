import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { entriesOf, filesBelow } from './walk.js';

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

/** Paths of the files in a folder, or also of those in the folders in it. Throws UserError AMP6110. */
function pathsIn(root: string, recursive: boolean): string[] {
  if (recursive) return filesBelow(root, '').map((path) => path.slice(1));
  return entriesOf(root).flatMap(({ name, isFolder }) => (isFolder ? [] : [name]));
}

/**
 * The files that a path names: the file itself, all below a folder whose names end with `ending`, or those of a pattern, in no order. None
 * where nothing has that name. Throws UserError AMP6110.
 */
export function findFiles(path: string, ending: string): FoundFiles {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile()) return { root: dirname(path), paths: [basename(path)] };
  if (found?.isDirectory()) return { root: path, paths: pathsIn(path, true).filter((name) => name.endsWith(ending)) };
  if (!isPattern(path)) return { root: dirname(path), paths: [] };
  const parts = path.split(/[/\\]/);
  const first = parts.findIndex(isPattern);
  const root = parts.slice(0, first).join('/') || (first > 0 ? '/' : '.');
  const rest = parts.slice(first).join('/');
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) return { root, paths: [] };
  const expression = expressionOf(rest);
  return { root, paths: pathsIn(root, rest.includes('/') || rest.includes('**')).filter((name) => expression.test(name)) };
}
