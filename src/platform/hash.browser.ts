import { md5 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

const ALGORITHMS = { md5, sha256 } as const;

const encoder = new TextEncoder();

/** As `createHash` of Node, for what ampc hashes. */
export function createHash(name: keyof typeof ALGORITHMS) {
  const hash = ALGORITHMS[name].create();
  const self = {
    update: (data: string | ArrayBufferView) => {
      hash.update(typeof data === 'string' ? encoder.encode(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return self;
    },
    digest: (_: 'hex') => bytesToHex(hash.digest()),
  };
  return self;
}

export function randomBytes(count: number) {
  const bytes = crypto.getRandomValues(new Uint8Array(count));
  return { toString: (_: 'hex') => bytesToHex(bytes) };
}
