import type { Shape } from '../../ir/types.js';

/** Pixels u8 HWC, and their shape. */
export interface RawPicture {
  readonly pixels: Uint8Array;
  readonly shape: Shape;
}

/** What the header of a binary PGM or PPM says, and where its pixels begin. */
export interface PnmHeader {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** What stands for white. */
  readonly largest: number;
  readonly start: number;
}

/** Of the other formats of the family, by the digit behind the P. */
const OTHERS: Readonly<Record<string, string>> = {
  1: 'a PBM in text',
  2: 'a PGM in text',
  3: 'a PPM in text',
  4: 'a PBM, of black and white alone',
  7: 'a PAM',
};

/** A number of the header from `at` on, past spaces and comments, and where it ends. */
function numberAt(head: string, at: number): readonly [value: number, end: number] {
  const found = /^(?:\s|#[^\n\r]*[\n\r])*(\d{1,9})/.exec(head.slice(at));
  return found === null ? [0, at] : [Number(found[1]), at + found[0].length];
}

/** Headers are short; comments make some longer. */
const MOST_HEADER = 4096;

/** Of a binary PGM or PPM of 8 bits; why it cannot be read, of others of the family; undefined for bytes of another format. */
export function pnmHeader(bytes: Uint8Array): PnmHeader | { readonly why: string } | undefined {
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, MOST_HEADER));
  const kind = /^P([1-7])[\s#]/.exec(head)?.[1];
  if (kind === undefined) return undefined;
  const other = OTHERS[kind];
  if (other !== undefined) return { why: `it is ${other}: write it as binary PPM (P6) or PGM (P5), or as PNG` };
  const [width, afterWidth] = numberAt(head, 2);
  const [height, afterHeight] = numberAt(head, afterWidth);
  const [largest, end] = numberAt(head, afterHeight);
  if (width === 0 || height === 0 || largest === 0) return { why: 'its header is damaged: it says no width, height and largest value' };
  if (largest > 255)
    return { why: `it has 16 bits a channel (its largest value is ${largest}), and 8 are read: write it with 255, or as PNG` };
  return { width, height, channels: kind === '5' ? 1 : 3, largest, start: end + 1 };
}

/** Where the pixels that a header tells of end. */
export const pnmEnd = ({ width, height, channels, start }: PnmHeader): number => start + width * height * channels;

/**
 * The pixels of a binary PGM or PPM of 8 bits, the first of several in a file. Undefined for bytes of another format. Throws an Error for
 * what is of the family and cannot be read.
 */
export function readPnm(bytes: Uint8Array): RawPicture | undefined {
  const header = pnmHeader(bytes);
  if (header === undefined) return undefined;
  if ('why' in header) throw new Error(header.why);
  const { width, height, channels, largest, start } = header;
  const end = pnmEnd(header);
  if (bytes.length < end)
    throw new Error(`it is cut off: with ${width}x${height} pixels it has ${end} bytes, and ${bytes.length} are there`);
  const pixels = bytes.slice(start, end);
  if (largest < 255) for (const [at, value] of pixels.entries()) pixels[at] = Math.min(255, Math.round((value * 255) / largest));
  return { pixels, shape: [height, width, channels] };
}
