import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Source, UsedText } from '../diagnostics/diagnostic.js';
import { libraryUrl } from '../lower/used-text.js';
import { changed } from './positions.js';

export interface OpenDocument {
  readonly uri: string;
  readonly version: number;
  readonly text: string;
}

/** The path that diagnostics show of a document; of one without a file its URI. */
export function pathOf(uri: string): string {
  if (!uri.startsWith('file:')) return uri;
  try {
    return fileURLToPath(uri);
  } catch {
    return uri;
  }
}

function uriOf(source: Pick<Source, 'path'>): string {
  const library = libraryUrl(source.path);
  if (library !== undefined) return library.href;
  return /^[a-z][\w+.-]+:/i.test(source.path) && !path.isAbsolute(source.path) ? source.path : pathToFileURL(source.path).href;
}

/** Also of a comment, which does no harm: then more texts are at hand than are used. */
const USE = /\buse\s+"([^"\r\n]+)"/g;

/** What a text names behind `use`. */
export function usedNames(text: string): readonly string[] {
  return [...text.matchAll(USE)].map(([, name]) => name!);
}

/** What a file says, for what it uses; nothing where it cannot be read, which is said where it is. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** The documents that an editor has open, as they are in it. */
export class OpenDocuments {
  private readonly open = new Map<string, OpenDocument>();
  /** Editors write the URI of one file in several ways: `(` and `%28`, letters as they are or not. */
  private readonly byPath = new Map<string, string>();

  get all(): readonly OpenDocument[] {
    return [...this.open.values()];
  }

  get(uri: string): OpenDocument | undefined {
    return this.open.get(uri);
  }

  /** The document of a file. */
  at(path: string): OpenDocument | undefined {
    const uri = this.byPath.get(path);
    return uri === undefined ? undefined : this.open.get(uri);
  }

  /** Where an editor finds a file of a program: as it calls it where it has it open. */
  uriOf(source: Pick<Source, 'path'>): string {
    return this.byPath.get(source.path) ?? uriOf(source);
  }

  set(document: OpenDocument): void {
    this.open.set(document.uri, document);
    this.byPath.set(pathOf(document.uri), document.uri);
  }

  change(uri: string, version: number, changes: readonly Parameters<typeof changed>[1][]): void {
    const document = this.open.get(uri);
    if (document !== undefined) this.open.set(uri, { uri, version, text: changes.reduce(changed, document.text) });
  }

  close(uri: string): void {
    this.open.delete(uri);
    const path = pathOf(uri);
    if (this.byPath.get(path) === uri) this.byPath.delete(path);
  }

  /** A document with those that it uses and that are open: their texts count, not those on the disk. */
  source(uri: string): Source | undefined {
    const document = this.open.get(uri);
    return document && this.withUsed(pathOf(uri), document.text);
  }

  /** A text, which may be that of a file that is not open, with the documents that it uses and that are open. */
  withUsed(main: string, content: string): Source {
    const used = new Map<string, UsedText>();
    const seen = new Set([main]);
    const visit = (text: string, folder: string) => {
      for (const name of usedNames(text).filter((named) => /^\.\.?\//.test(named))) {
        const file = path.resolve(folder, name);
        if (seen.has(file)) continue;
        seen.add(file);
        const open = this.at(file);
        const shown = path.relative(path.dirname(main), file).replaceAll('\\', '/');
        if (open !== undefined) used.set(file, { name: shown, path: file, text: open.text });
        visit(open?.text ?? textOf(file), path.dirname(file));
      }
    };
    visit(content, path.dirname(main));
    return { path: main, text: content, ...(used.size > 0 && { used: [...used.values()] }) };
  }
}
