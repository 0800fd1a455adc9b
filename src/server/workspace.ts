import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { usedNames } from './documents.js';

/** More files than this are not looked through: then a folder is no project. */
const MAX_FILES = 2000;
const MAX_FOLDERS = 10_000;

interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** The `.amp` files below a folder; what begins with a dot, and packages, are none of the project's. */
function* ampFiles(folder: string, left: { files: number; folders: number }): Generator<string> {
  if (left.folders-- <= 0) return;
  let entries: readonly { readonly name: string; isDirectory(): boolean; isFile(): boolean }[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    const file = path.join(folder, entry.name);
    if (entry.isFile() && entry.name.endsWith('.amp')) {
      if (left.files-- <= 0) return;
      yield file;
    } else if (entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules') yield* ampFiles(file, left);
  }
}

function read(file: string): TextFile | undefined {
  try {
    return { path: file, text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file)) };
  } catch {
    return undefined;
  }
}

/** The files of a workspace that use a file, also through others. */
export function usersOf(file: string, folders: readonly string[]): readonly TextFile[] {
  const left = { files: MAX_FILES, folders: MAX_FOLDERS };
  const all = new Map(folders.flatMap((folder) => [...ampFiles(folder, left)]).map((name) => [name, read(name)]));
  const users = new Map<string, TextFile>();
  const visit = (used: string) => {
    for (const other of all.values()) {
      if (other === undefined || users.has(other.path) || other.path === file) continue;
      if (!usedNames(other.text).some((name) => path.resolve(path.dirname(other.path), name) === used)) continue;
      users.set(other.path, other);
      visit(other.path);
    }
  };
  visit(file);
  return [...users.values()];
}
