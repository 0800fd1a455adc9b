import { open, readFile } from 'node:fs/promises';
import koffi from 'koffi';

/** Files from this size on are mapped, where the system can: the pages that are read are in memory, and only while it has room. */
export const MAPPED_FROM = 64 << 20;

const PROT_READ = 1;
const MAP_SHARED = 1;
const FAILED = 0xffff_ffff_ffff_ffffn;

type Mmap = (address: null, length: number, protection: number, flags: number, file: number, offset: number) => bigint | null;

let mmap: Mmap | undefined;

/** The C library's `mmap`; undefined where there is none. */
function findMmap(): Mmap | undefined {
  if (process.platform === 'win32') return undefined;
  try {
    mmap ??= koffi.load(null).func('void *mmap(void *, size_t, int, int, int, int64_t)') as unknown as Mmap;
  } catch {
    return undefined;
  }
  return mmap;
}

/**
 * The bytes of a file that nobody writes to any more. It stays mapped until the process ends, also when it is removed meanwhile. Throws the
 * system's error.
 */
export async function mapFile(path: string, from = MAPPED_FROM): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const map = size === 0 || size < from ? undefined : findMmap();
    const address = map?.(null, size, PROT_READ, MAP_SHARED, file.fd, 0);
    if (address !== undefined && address !== null && address !== FAILED) return new Uint8Array(koffi.view(address, size));
  } finally {
    await file.close();
  }
  return readFile(path);
}
