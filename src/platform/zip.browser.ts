import { gunzipSync } from 'fflate';

export function gunzip(packed: Uint8Array, most: number): Uint8Array {
  const bytes = gunzipSync(packed);
  if (bytes.length > most) throw new Error(`it unpacks to more than ${most} bytes`);
  return bytes;
}
