/** Checksums, computed at once: in a browser (hash.browser.ts) not by WebCrypto, which makes callers wait. */
export { createHash, type Hash, randomBytes } from 'node:crypto';
