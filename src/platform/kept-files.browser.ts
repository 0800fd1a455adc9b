import { readdirSync, readFileSync } from './files.js';
import { memory } from './memory-files.js';

/** Time between changes and the moment that they are kept: a run writes a line for every step. */
const SOON_MS = 300;

const changed = new Set<string>();
let root: FileSystemDirectoryHandle | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let writing: Promise<void> = Promise.resolve();

async function folderAt(parts: readonly string[]): Promise<FileSystemDirectoryHandle> {
  let at = root!;
  for (const part of parts) at = await at.getDirectoryHandle(part, { create: true });
  return at;
}

async function keep(path: string): Promise<void> {
  const parts = path.split('/').slice(1);
  const name = parts.pop()!;
  const entry = memory.find(path);
  const folder = await folderAt(parts);
  if (entry === undefined) {
    await folder.removeEntry(name).catch(() => undefined);
    return;
  }
  const file = await (await folder.getFileHandle(name, { create: true })).createWritable();
  await file.write(entry.bytes.slice(0, entry.size));
  await file.close();
}

/** Waits until all that was written is kept. */
export function flushFiles(): Promise<void> {
  clearTimeout(timer);
  timer = undefined;
  const paths = [...changed];
  changed.clear();
  writing = writing.then(async () => {
    for (const path of paths) await keep(path);
  });
  return writing;
}

async function load(folder: FileSystemDirectoryHandle, path: string): Promise<void> {
  for await (const [name, handle] of folder.entries()) {
    if (handle.kind === 'directory') await load(handle as FileSystemDirectoryHandle, `${path}/${name}`);
    else {
      const file = await (handle as FileSystemFileHandle).getFile();
      memory.put(`${path}/${name}`, new Uint8Array(await file.arrayBuffer()), file.lastModified);
    }
  }
}

/**
 * Files from now on are those that this site has in the browser's own storage (OPFS), and are kept there a moment after each change;
 * `flushFiles` waits for that. One page or worker at a time may write.
 */
export async function keepFiles(name = 'ampc'): Promise<void> {
  root = await (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true });
  memory.onChange = () => undefined;
  await load(root, '');
  memory.onChange = (path) => {
    changed.add(path);
    timer ??= setTimeout(() => void flushFiles(), SOON_MS);
  };
}

export const listFiles = (folder: string): readonly string[] => readdirSync(folder);

export const readFileBytes = (path: string): Uint8Array => readFileSync(path);

export const putFile = (path: string, bytes: Uint8Array): void => memory.put(path, bytes);
