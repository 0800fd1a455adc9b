import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { badFile } from '../../datafiles/bad-file.js';
import type { UserError } from '../../diagnostics/diagnostic.js';
import { isSystemError } from '../../files/reason.js';
import { systemError } from '../../files/system-error.js';
import type { DataFile } from './data-file.js';

/** What an archive of a known data set unpacks to at most: theirs are below 200 MB. */
const MOST_BYTES = 1 << 29;

function tooLarge(path: string): UserError {
  return badFile(path, 'it unpacks to more than 512 MiB, which no archive of this data set does');
}

/**
 * Some files of a .tar.gz in memory, by their path in it; nothing is written. Links and everything else are passed over. Throws UserError:
 * AMP7020 for a damaged archive, AMP6110 for the system's errors.
 */
export async function readArchive(path: string, wanted: ReadonlySet<string>): Promise<ReadonlyMap<string, DataFile>> {
  // Loaded here: of all commands only those that read an archive need it.
  const { Parser } = await import('tar');
  const found = new Map<string, DataFile>();
  const parser = new Parser({
    strict: true,
    brotli: false,
    zstd: false,
    onReadEntry: (entry) => {
      const name = entry.path.replace(/^\.\//, '');
      const isWanted = wanted.has(name) && entry.type === 'File';
      if (entry.size > MOST_BYTES) parser.abort(tooLarge(path));
      const parts: Uint8Array[] = [];
      if (isWanted) entry.on('data', (part: Uint8Array) => parts.push(part));
      entry.on('end', () => {
        const bytes = isWanted ? Buffer.concat(parts) : undefined;
        if (bytes !== undefined) found.set(name, { path: `${path}: ${name}`, size: async () => bytes.length, bytes: async () => bytes });
      });
      entry.resume();
    },
  });
  let failure: Error | undefined;
  parser.on('error', (error: Error) => {
    failure ??= error;
  });
  let isOver = false;
  parser.on('eof', () => {
    isOver = true;
  });
  const ended = new Promise<void>((resolve) => void parser.on('end', resolve).on('error', () => resolve()));
  let passed = 0;
  const write = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of chunks) {
      if (passed === 0 && chunk[0] === 0x1f && chunk[1] === 0x8b) failure = badFile(path, 'it is packed twice');
      passed += chunk.length;
      if (passed > MOST_BYTES) failure = tooLarge(path);
      if (failure !== undefined) return;
      // It would keep what comes behind the end, and copy all of it with every piece.
      if (!isOver) parser.write(Buffer.from(chunk));
    }
    if (failure !== undefined) return;
    parser.end();
    await ended;
  };
  try {
    await pipeline(createReadStream(path), createGunzip(), write);
    if (failure !== undefined) throw failure;
  } catch (reason) {
    // What stops it early is told before what stopping does.
    const error = failure ?? (reason as Error);
    if (isSystemError(error)) throw systemError(error, { path, doing: 'read' });
    if (error.name === 'UserError') throw error;
    throw badFile(path, `it is no whole .tar.gz: ${error.message}`);
  }
  return found;
}
