import type { LoadOptions } from '../runtime/backend.js';

/** What of a call's options loading a plan takes. */
export function loadOptions({ threads, signal, onNotice }: { readonly [K in keyof LoadOptions]: LoadOptions[K] | undefined }): LoadOptions {
  return { ...(threads !== undefined && { threads }), ...(signal && { signal }), ...(onNotice && { onNotice }) };
}
