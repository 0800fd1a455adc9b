import { gunzipSync } from 'node:zlib';

/** Throws an Error for what is no whole gzip file, or unpacks to more than `most` bytes. */
export function gunzip(packed: Uint8Array, most: number): Uint8Array {
  return gunzipSync(packed, { maxOutputLength: most });
}
