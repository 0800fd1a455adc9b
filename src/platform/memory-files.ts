/** Files in memory, by their paths: the storage of a page, which may also be kept (kept-files.browser.ts). */

const normalized = (path: string): string => {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
};

const folderOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf('/')));

/** As the system's errors in Node, which the rest of ampc explains. */
function refused(code: string, syscall: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall, path });
}

export interface Entry {
  bytes: Uint8Array;
  /** Of the bytes those that belong to the file: there is room behind them for what is appended. */
  size: number;
  modified: number;
}

export class MemoryFiles {
  private readonly files = new Map<string, Entry>();
  private readonly folders = new Set<string>(['/']);
  /** Told of each file that was written, moved or removed. */
  onChange: (path: string) => void = () => undefined;

  find(path: string): Entry | undefined {
    return this.files.get(normalized(path));
  }

  isFolder(path: string): boolean {
    return this.folders.has(normalized(path));
  }

  /** Throws the system's error. */
  entry(path: string, syscall = 'open'): Entry {
    const found = this.find(path);
    if (found !== undefined) return found;
    throw refused(this.isFolder(path) ? 'EISDIR' : 'ENOENT', syscall, path);
  }

  create(path: string, isNew: boolean): Entry {
    const at = normalized(path);
    if (this.isFolder(at)) throw refused('EISDIR', 'open', path);
    if (!this.isFolder(folderOf(at))) throw refused('ENOENT', 'open', path);
    if (isNew && this.files.has(at)) throw refused('EEXIST', 'open', path);
    const entry: Entry = { bytes: new Uint8Array(0), size: 0, modified: Date.now() };
    this.files.set(at, entry);
    this.onChange(at);
    return entry;
  }

  write(path: string, entry: Entry, bytes: Uint8Array, at: number): void {
    const end = at + bytes.length;
    if (end > entry.bytes.length) {
      const room = new Uint8Array(Math.max(end, 2 * entry.bytes.length));
      room.set(entry.bytes.subarray(0, entry.size));
      entry.bytes = room;
    }
    entry.bytes.set(bytes, at);
    entry.size = Math.max(entry.size, end);
    entry.modified = Date.now();
    this.onChange(normalized(path));
  }

  makeFolder(path: string): void {
    const at = normalized(path);
    if (this.files.has(at) || this.folders.has(at)) throw refused('EEXIST', 'mkdir', path);
    if (!this.isFolder(folderOf(at))) throw refused('ENOENT', 'mkdir', path);
    this.folders.add(at);
  }

  /** With all that is in it, where `all`. */
  remove(path: string, { all = false, force = false } = {}): void {
    const at = normalized(path);
    const inside = [...this.files.keys(), ...this.folders].filter((name) => name.startsWith(`${at}/`));
    if (!this.files.has(at) && !this.folders.has(at)) {
      if (force) return;
      throw refused('ENOENT', 'unlink', path);
    }
    if (inside.length > 0 && !all) throw refused('ENOTEMPTY', 'rmdir', path);
    for (const name of [...inside, at]) {
      this.folders.delete(name);
      if (this.files.delete(name)) this.onChange(name);
    }
  }

  rename(from: string, to: string): void {
    const entry = this.entry(from, 'rename');
    if (!this.isFolder(folderOf(normalized(to)))) throw refused('ENOENT', 'rename', to);
    this.files.delete(normalized(from));
    this.files.set(normalized(to), entry);
    this.onChange(normalized(from));
    this.onChange(normalized(to));
  }

  names(path: string): string[] {
    const at = normalized(path);
    if (!this.folders.has(at)) throw refused(this.files.has(at) ? 'ENOTDIR' : 'ENOENT', 'scandir', path);
    const before = at === '/' ? '/' : `${at}/`;
    const below = [...this.files.keys(), ...this.folders].filter((name) => name.startsWith(before) && name !== at);
    return [...new Set(below.map((name) => name.slice(before.length).split('/')[0]!))].sort();
  }

  /** A file that lies there from now on, and the folders above it; `modified`: when it was written, in milliseconds, if not now. */
  put(path: string, bytes: Uint8Array, modified?: number): void {
    const parts = folderOf(normalized(path)).split('/');
    for (let depth = 2; depth <= parts.length; depth += 1) this.folders.add(parts.slice(0, depth).join('/'));
    const entry = this.create(path, false);
    this.write(path, entry, bytes, 0);
    if (modified !== undefined) entry.modified = modified;
  }
}

/** All files of this page, or worker. */
export const memory = new MemoryFiles();
