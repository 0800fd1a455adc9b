import koffi from 'koffi';
import { userError } from '../../diagnostics/diagnostic.js';

const ELF = 0x7f454c46;

/** In a program header: loaded into memory. */
const PT_LOAD = 1;

/**
 * Whether a 64-bit little-endian ELF file is as long as its own headers say: the loader maps what they name, and a process that touches a
 * page behind the end of a file is ended by the system. Files of other formats are left to the loader.
 */
function endsEarly(bytes: Buffer): boolean {
  if (bytes.length < 64) return true;
  if (bytes.readUInt32BE(0) !== ELF || bytes[4] !== 2 || bytes[5] !== 1) return false;
  const size = BigInt(bytes.length);
  const sections = bytes.readBigUInt64LE(40) + BigInt(bytes.readUInt16LE(58)) * BigInt(bytes.readUInt16LE(60));
  if (sections > size) return true;
  const headers = bytes.readBigUInt64LE(32);
  const [entry, count] = [bytes.readUInt16LE(54), bytes.readUInt16LE(56)];
  if (entry < 56 || headers + BigInt(entry * count) > size) return true;
  return Array.from({ length: count }, (_, i) => Number(headers) + i * entry).some(
    (at) => bytes.readUInt32LE(at) === PT_LOAD && bytes.readBigUInt64LE(at + 8) + bytes.readBigUInt64LE(at + 32) > size,
  );
}

/** What the loader says where programs may not be run: a mount with noexec, or a rule of the system. */
const NOT_ALLOWED = /failed to map segment|cannot enable executable|operation not permitted|permission denied/i;

export type LoadedLibrary = ReturnType<typeof koffi.load>;

/** Loads a library. Throws UserError AMP6050 where the system allows none to be loaded from its folder, else what the loader throws. */
export function loadLibrary(path: string): LoadedLibrary {
  try {
    return koffi.load(path);
  } catch (error) {
    const { message } = error as Error;
    if (!NOT_ALLOWED.test(message)) throw error;
    throw userError(
      'AMP6050',
      `the system loads no library from the cache: ${path}`,
      `${message}; a file system that is mounted with noexec does that`,
      'set AMPC_CACHE to a folder on a file system from which programs may be run',
    );
  }
}

/**
 * Whether a file that a compiler left is a library with these functions: undefined, or why not. Throws as `loadLibrary` where none can be
 * loaded.
 */
export function libraryProblem(path: string, bytes: Buffer, functions: readonly string[]): string | undefined {
  if (bytes.length === 0) return 'the file is empty';
  if (endsEarly(bytes)) return `the file ends after ${bytes.length} bytes, before what its headers name`;
  let library: LoadedLibrary;
  try {
    library = loadLibrary(path);
  } catch (error) {
    if ((error as Error).name === 'UserError') throw error;
    return (error as Error).message;
  }
  try {
    for (const name of functions) library.func(`void ${name}()`);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    library.unload();
  }
}
