import { hasFrame } from './plain-picture.js';
import { pnmEnd, pnmHeader } from './pnm.js';

const has = (bytes: Uint8Array, at: number, text: string): boolean =>
  bytes.length >= at + text.length && Buffer.from(bytes.buffer, bytes.byteOffset + at, text.length).toString('latin1') === text;

/** Of formats that pictures mostly have: how they begin, and how they end. `tail` may be longer than what is looked at. */
const FORMATS: readonly ((head: Uint8Array, tail: Uint8Array, size: number) => boolean)[] = [
  (head, tail) => has(head, 0, '\xff\xd8\xff') && hasFrame(head) && has(tail, tail.length - 2, '\xff\xd9'),
  (head, tail) => has(head, 0, '\x89PNG\r\n\x1a\n') && has(head, 12, 'IHDR') && has(tail, tail.length - 8, 'IEND'),
  (head, tail) => /^GIF8[79]a/.test(Buffer.from(head.subarray(0, 6)).toString('latin1')) && tail.at(-1) === 0x3b,
  (head, _, size) => has(head, 0, 'RIFF') && has(head, 8, 'WEBP') && Buffer.from(head.subarray(4, 8)).readUInt32LE() + 8 === size,
  (head, _, size) => {
    const header = pnmHeader(head);
    return header !== undefined && !('why' in header) && pnmEnd(header) === size;
  },
];

/**
 * Whether a file looks like a whole picture, by its first and last bytes. Not all that do are, and what does not may be one all the same:
 * of another format, or with something behind its end.
 */
export function looksWhole(head: Uint8Array, tail: Uint8Array, size: number): boolean {
  return FORMATS.some((isOne) => isOne(head, tail, size));
}
