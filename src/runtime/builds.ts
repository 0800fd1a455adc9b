import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isProcessAlive } from '../files/process.js';
import { killPrograms } from './program.js';

/** No compilation takes as long: where the process id says nothing (another machine, an id that was given again), the age does. */
const SURELY_OVER_MS = 24 * 3_600_000;

const host = () => hostname().replace(/[^\w.]/g, '_');

const BUILD = /^build-([\w.]*)-(\d+)-\w{6}$/;

/** What versions of ampc left behind that compiled beside the libraries. */
const OLD_BUILD = /^[0-9a-f]{40}\.(\d+)\.[0-9a-f]{12}\./;

/** Folders that must not outlive the process. */
const folders = new Set<string>();

/** Kills the compilers that run and removes what they were writing. Runs to its end without waiting for anything. */
function cleanUp(): void {
  killPrograms();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  folders.clear();
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Without a listener of its own the program ends by the signal, as it would have without this one. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  cleanUp();
  process.off(signal, onSignal);
  process.kill(process.pid, signal);
}

let watched = false;

function own(folder: string): void {
  folders.add(folder);
  if (!watched) process.on('exit', cleanUp);
  watched = true;
  if (folders.size === 1) for (const signal of SIGNALS) process.on(signal, onSignal);
}

async function disown(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  folders.delete(folder);
  if (folders.size === 0) for (const signal of SIGNALS) process.off(signal, onSignal);
}

/** Runs `use` with a new folder inside `cache`, which is removed however it, or the process, ends. */
export async function withBuildFolder<T>(cache: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(cache, `build-${host()}-${process.pid}-`));
  own(folder);
  try {
    return await use(folder);
  } finally {
    await disown(folder);
  }
}

async function isAbandoned(path: string, name: string): Promise<boolean> {
  const [, of, pid] = BUILD.exec(name) ?? [];
  const owner = pid ?? OLD_BUILD.exec(name)?.[1];
  if (owner === undefined) return false;
  if ((of === undefined || of === host()) && !isProcessAlive(Number(owner))) return true;
  return Date.now() - (await stat(path)).mtimeMs > SURELY_OVER_MS;
}

/** Removes what killed compilations left in a cache. What cannot be removed stays. */
export async function removeAbandonedBuilds(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const path = join(cache, name);
    try {
      if (await isAbandoned(path, name)) await rm(path, { recursive: true, force: true });
    } catch {
      // Another process removed it.
    }
  }
}

let temporary: string | undefined;

/** Stands in for a cache until the process ends. Throws the system's error. */
export function temporaryCache(): string {
  if (temporary === undefined) {
    temporary = mkdtempSync(join(tmpdir(), 'ampc-kernels-'));
    const folder = temporary;
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  }
  return temporary;
}
