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

/** Where an editor finds a file of a program. */
export function uriOf(source: Pick<Source, 'path'>): string {
  const library = libraryUrl(source.path);
  if (library !== undefined) return library.href;
  return /^[a-z][\w+.-]+:/i.test(source.path) && !path.isAbsolute(source.path) ? source.path : pathToFileURL(source.path).href;
}

const USE = /^[ \t]*use[ \t]+"([^"\r\n]+)"/gm;

/** The documents that an editor has open, as they are in it. */
export class OpenDocuments {
  private readonly open = new Map<string, OpenDocument>();

  get all(): readonly OpenDocument[] {
    return [...this.open.values()];
  }

  get(uri: string): OpenDocument | undefined {
    return this.open.get(uri);
  }

  set(document: OpenDocument): void {
    this.open.set(document.uri, document);
  }

  change(uri: string, version: number, changes: readonly Parameters<typeof changed>[1][]): void {
    const document = this.open.get(uri);
    if (document !== undefined) this.open.set(uri, { uri, version, text: changes.reduce(changed, document.text) });
  }

  close(uri: string): void {
    this.open.delete(uri);
  }

  /** A document with those that it uses and that are open: their texts count, not those on the disk. */
  source(uri: string): Source | undefined {
    const document = this.open.get(uri);
    if (document === undefined) return undefined;
    const main = pathOf(uri);
    const used = new Map<string, UsedText>();
    const visit = (text: string, folder: string) => {
      for (const [, name] of text.matchAll(USE)) {
        const file = path.resolve(folder, name!);
        const other = this.open.get(pathToFileURL(file).href);
        if (other === undefined || used.has(file) || file === main) continue;
        const shown = path.relative(path.dirname(main), file).replaceAll('\\', '/');
        used.set(file, { name: shown, path: file, text: other.text });
        visit(other.text, path.dirname(file));
      }
    };
    visit(document.text, path.dirname(main));
    return { path: main, text: document.text, ...(used.size > 0 && { used: [...used.values()] }) };
  }
}
