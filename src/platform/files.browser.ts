import { type Entry, memory } from './memory-files.js';

const decoder = new TextDecoder();
const encoder = new TextEncoder();

const bytesOf = (data: string | Uint8Array): Uint8Array => (typeof data === 'string' ? encoder.encode(data) : data);
const contents = ({ bytes, size }: Entry): Uint8Array => bytes.slice(0, size);

export const constants = { W_OK: 2 } as const;

function statsOf(path: string, syscall = 'stat') {
  const isFolder = memory.isFolder(path);
  const { size, modified } = isFolder ? { size: 0, modified: 0 } : memory.entry(path, syscall);
  return {
    size,
    mtimeMs: modified,
    mtime: new Date(modified),
    isFile: () => !isFolder,
    isDirectory: () => isFolder,
    isSymbolicLink: () => false,
  };
}

export type Stats = ReturnType<typeof statsOf>;

/** An open file, as far as ampc uses one. */
export class FileHandle {
  private position = 0;

  constructor(
    private readonly path: string,
    private readonly entry: Entry,
    private readonly isAppending: boolean,
  ) {}

  async stat() {
    return { size: this.entry.size, isDirectory: () => false };
  }

  async read(target: Uint8Array, offset: number, length: number, position: number) {
    const piece = this.entry.bytes.subarray(position, Math.min(this.entry.size, position + length));
    target.set(piece, offset);
    return { bytesRead: piece.length };
  }

  async write(bytes: Uint8Array, offset: number, length: number, position: number | null) {
    const at = position ?? (this.isAppending ? this.entry.size : this.position);
    memory.write(this.path, this.entry, bytes.subarray(offset, offset + length), at);
    if (position === null) this.position = at + length;
    return { bytesWritten: length };
  }

  async appendFile(data: string | Uint8Array): Promise<void> {
    memory.write(this.path, this.entry, bytesOf(data), this.entry.size);
  }

  async truncate(size: number): Promise<void> {
    this.entry.size = Math.min(size, this.entry.size);
    memory.write(this.path, this.entry, new Uint8Array(0), 0);
  }

  async sync(): Promise<void> {}

  async close(): Promise<void> {}
}

/** `flags`: r, r+, w, wx or a. */
export async function open(path: string, flags = 'r'): Promise<FileHandle> {
  const isThere = memory.find(path) !== undefined;
  const keeps = flags.startsWith('r') || (flags.startsWith('a') && isThere);
  return new FileHandle(path, keeps ? memory.entry(path) : memory.create(path, flags.includes('x')), flags.startsWith('a'));
}

export function readFileSync(path: string): Uint8Array;
export function readFileSync(path: string, encoding: 'utf8'): string;
export function readFileSync(path: string, encoding?: 'utf8'): Uint8Array | string {
  const bytes = contents(memory.entry(path));
  return encoding === undefined ? bytes : decoder.decode(bytes);
}

export function readFile(path: string): Promise<Uint8Array>;
export function readFile(path: string, encoding: 'utf8'): Promise<string>;
export async function readFile(path: string, encoding?: 'utf8'): Promise<Uint8Array | string> {
  return encoding === undefined ? readFileSync(path) : readFileSync(path, encoding);
}

export async function writeFile(path: string, data: string | Uint8Array): Promise<void> {
  memory.write(path, memory.create(path, false), bytesOf(data), 0);
}

/** As Node has it. */
function entryOf(path: string, name: string) {
  return { name, isDirectory: () => memory.isFolder(`${path}/${name}`), isSymbolicLink: () => false };
}

export type Dirent = ReturnType<typeof entryOf>;

export function readdirSync(path: string): string[];
export function readdirSync(path: string, options: { readonly withFileTypes: true }): Dirent[];
export function readdirSync(path: string, options?: { readonly withFileTypes: true }): string[] | Dirent[] {
  const names = memory.names(path);
  return options === undefined ? names : names.map((name) => entryOf(path, name));
}

export const readdir = async (path: string): Promise<string[]> => memory.names(path);
export const mkdir = async (path: string): Promise<void> => memory.makeFolder(path);
export const rename = async (from: string, to: string): Promise<void> => memory.rename(from, to);
export const rmdir = async (path: string): Promise<void> => memory.remove(path);

export async function rm(path: string, { recursive = false, force = false } = {}): Promise<void> {
  memory.remove(path, { all: recursive, force });
}

export const stat = async (path: string): Promise<Stats> => statsOf(path);
export const lstat = stat;
export const access = async (path: string): Promise<void> => void statsOf(path, 'access');

export function statSync(path: string): Stats | undefined {
  return memory.find(path) !== undefined || memory.isFolder(path) ? statsOf(path) : undefined;
}

export const existsSync = (path: string): boolean => statSync(path) !== undefined;
export const realpathSync = (path: string): string => path;
export const realpath = async (path: string): Promise<string> => path;

/** There are no links. */
export async function readlink(path: string): Promise<string> {
  throw Object.assign(new Error(`EINVAL: readlink '${path}'`), { code: 'EINVAL', syscall: 'readlink', path });
}
