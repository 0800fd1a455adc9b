import { pnmEnd, pnmHeader } from './pnm.js';

/** What the header of a picture says that is nothing but pixels: 8 bits of grey or RGB, upright, without a profile of its colours. */
export interface PlainPicture {
  readonly width: number;
  readonly height: number;
  readonly isGrey: boolean;
}

const text = (bytes: Uint8Array, at: number, length: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(length, bytes.length - at)).toString('latin1');

const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

const START_OF_SCAN = 0xda;
const ENDS = 0xd9;
/** APP1 has Exif, APP2 profiles, APP14 says that colours are stored in another way. */
const APPLICATIONS = [0xe1, 0xe2, 0xee];

/** The segments of a JPEG, from its beginning on, as far as they are whole: the marker, and where what it holds begins. */
export function* jpegSegments(bytes: Uint8Array): Generator<readonly [marker: number, at: number]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (text(bytes, 0, 3) !== '\xff\xd8\xff') return;
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; at += 2 + view.getUint16(at + 2)) {
    const marker = bytes[at + 1]!;
    if (marker === START_OF_SCAN || marker === ENDS) return;
    yield [marker, at + 4];
  }
}

/** Markers that stand between a JPEG's scans, each with a segment of its own: tables, comments, the next scan. */
const BETWEEN_SCANS = [0xc4, 0xdb, 0xdd, 0xfe, START_OF_SCAN];

/** No picture has so many in a row, but for one of a single colour. */
const ZEROS = new Uint8Array(16);

/**
 * Whether a JPEG's scans, from the first one on, hold nothing that they cannot, and end where the file does: the library takes a damaged
 * one for whole, which sharp does not.
 */
function hasSoundScans(bytes: Uint8Array, first: number): boolean {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.indexOf(ZEROS, first) >= 0) return false;
  for (let at = data.indexOf(0xff, first); at >= 0 && at + 1 < data.length; at = data.indexOf(0xff, at)) {
    const marker = data[at + 1]!;
    if (marker === ENDS) return at + 2 === data.length;
    if (marker === 0 || (marker >= 0xd0 && marker <= 0xd7)) at += 2;
    else if (BETWEEN_SCANS.includes(marker) && at + 4 <= data.length) at += 2 + data.readUInt16BE(at + 2);
    else return false;
  }
  return false;
}

function plainJpeg(bytes: Uint8Array): PlainPicture | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let found: PlainPicture | undefined;
  let end = 2;
  for (const [marker, at] of jpegSegments(bytes)) {
    if (APPLICATIONS.includes(marker)) return undefined;
    end = at - 2 + view.getUint16(at - 2);
    if (!isFrame(marker) || at + 6 > bytes.length) continue;
    const [bits, channels] = [bytes[at], bytes[at + 5]];
    if (bits !== 8 || (channels !== 1 && channels !== 3)) return undefined;
    found = { height: view.getUint16(at + 1), width: view.getUint16(at + 3), isGrey: channels === 1 };
  }
  return found !== undefined && hasSoundScans(bytes, end) ? found : undefined;
}

/** Chunks of a PNG that say more of its pixels than their values. */
const TELLING = ['tRNS', 'iCCP', 'eXIf', 'acTL'];
const [GREY, RGB, PALETTE] = [0, 2, 3];

function plainPng(bytes: Uint8Array): PlainPicture | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (text(bytes, 0, 8) !== '\x89PNG\r\n\x1a\n' || bytes.length < 33) return undefined;
  const [bits, kind] = [bytes[24], bytes[25]];
  if (bits !== 8 || (kind !== GREY && kind !== RGB && kind !== PALETTE)) return undefined;
  for (let at = 8; at + 8 <= bytes.length; at += 12 + view.getUint32(at)) if (TELLING.includes(text(bytes, at + 4, 4))) return undefined;
  return { width: view.getUint32(16), height: view.getUint32(20), isGrey: kind === GREY };
}

function plainPnm(bytes: Uint8Array): PlainPicture | undefined {
  const header = pnmHeader(bytes);
  if (header === undefined || 'why' in header || header.largest !== 255 || pnmEnd(header) > bytes.length) return undefined;
  return { width: header.width, height: header.height, isGrey: header.channels === 1 };
}

/** Undefined for everything that is not known to be plain: other formats, and what is damaged. */
export function plainPicture(bytes: Uint8Array): PlainPicture | undefined {
  const found = plainJpeg(bytes) ?? plainPng(bytes) ?? plainPnm(bytes);
  return found !== undefined && found.width > 0 && found.height > 0 ? found : undefined;
}

/** Whether the size of a JPEG is told in these first bytes of it. */
export function hasFrame(head: Uint8Array): boolean {
  for (const [marker, at] of jpegSegments(head)) if (isFrame(marker)) return at + 6 <= head.length;
  return false;
}
