import { createReadStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { badFile } from '../../datafiles/bad-file.js';
import { isSystemError } from '../../files/reason.js';
import { systemError } from '../../files/system-error.js';
import type { DataFile } from './data-file.js';

/** What an archive of a known data set unpacks to at most: theirs are below 200 MB. */
const MOST_BYTES = 1 << 30;

/** Stops what unpacks without end. */
function limited(path: string): Transform {
  let passed = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      passed += chunk.length;
      if (passed > MOST_BYTES) done(badFile(path, 'it unpacks to more than 1 GiB, which no archive of this data set does'));
      else done(undefined, chunk);
    },
  });
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
    onReadEntry: (entry) => {
      const name = entry.path.replace(/^\.\//, '');
      const isWanted = wanted.has(name) && entry.type === 'File';
      const parts: Uint8Array[] = [];
      if (isWanted) entry.on('data', (part: Uint8Array) => parts.push(part));
      entry.on('end', () => {
        const bytes = isWanted ? Buffer.concat(parts) : undefined;
        if (bytes !== undefined) found.set(name, { path: `${path}: ${name}`, size: async () => bytes.length, bytes: async () => bytes });
      });
      entry.resume();
    },
  });
  try {
    await pipeline(createReadStream(path), createGunzip(), limited(path), parser as unknown as NodeJS.WritableStream);
  } catch (error) {
    if (isSystemError(error)) throw systemError(error, { path, doing: 'read' });
    if ((error as Error).name === 'UserError') throw error;
    throw badFile(path, `it is no whole .tar.gz: ${(error as Error).message}`);
  }
  return found;
}
