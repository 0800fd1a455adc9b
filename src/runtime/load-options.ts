import { given } from '../given.js';
import type { LoadOptions } from './backend.js';

/** What of a call's options loading a plan takes. */
export function loadOptions({
  threads,
  signal,
  onNotice,
  peers,
}: { readonly [K in keyof LoadOptions]: LoadOptions[K] | undefined }): LoadOptions {
  return given({ threads, signal, onNotice, peers });
}
