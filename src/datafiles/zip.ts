import { crc32, inflateRawSync } from 'node:zlib';
import { BadFile } from './bad-file.js';

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;
const IN_64 = 0xffff_ffff;

const DAMAGED = 'what is packed in it is damaged';

export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  /** The contents, unpacked. Throws BadFile. */
  read(): Uint8Array;
}

/** Reads numbers of an archive, each within it. */
class View {
  private readonly view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  private within(at: number, size: number): number {
    if (!Number.isSafeInteger(at) || at < 0 || at + size > this.bytes.length)
      throw new BadFile('it is cut short, or its directory is damaged');
    return at;
  }

  u16(at: number): number {
    return this.view.getUint16(this.within(at, 2), true);
  }

  u32(at: number): number {
    return this.view.getUint32(this.within(at, 4), true);
  }

  u64(at: number): number {
    return Number(this.view.getBigUint64(this.within(at, 8), true));
  }

  slice(at: number, size: number): Uint8Array {
    this.within(at, size);
    return this.bytes.subarray(at, at + size);
  }
}

function findEnd(view: View): number {
  const last = view.bytes.length - 22;
  for (let at = last; at >= Math.max(0, last - 0xffff); at--) if (view.u32(at) === END) return at;
  throw new BadFile('it is no zip archive, or is cut short');
}

/** Sizes and place of an entry, from the extra field of large archives where the usual one has no room. */
function sizesOf(view: View, at: number): { readonly packed: number; readonly size: number; readonly local: number } {
  const own = [view.u32(at + 24), view.u32(at + 20), view.u32(at + 42)];
  const [nameBytes, extraBytes] = [view.u16(at + 28), view.u16(at + 30)];
  let extra = at + 46 + nameBytes;
  const end = extra + extraBytes;
  while (own.includes(IN_64) && extra + 4 <= end) {
    const bytes = view.u16(extra + 2);
    let value = extra + 4;
    if (view.u16(extra) === 1)
      for (const [i, number] of own.entries())
        if (number === IN_64 && value + 8 <= extra + 4 + bytes) {
          own[i] = view.u64(value);
          value += 8;
        }
    extra += 4 + bytes;
  }
  const [size = 0, packed = 0, local = 0] = own;
  return { size, packed, local };
}

function unpacked(view: View, method: number, { packed, size, local }: ReturnType<typeof sizesOf>): Uint8Array {
  if (view.u32(local) !== LOCAL) throw new BadFile('its directory leads to no file');
  const start = local + 30 + view.u16(local + 26) + view.u16(local + 28);
  const bytes = view.slice(start, packed);
  if (method === STORED) return bytes;
  if (method !== DEFLATED)
    throw new BadFile(`it is packed by method ${method}, which is not known`, 'save it with numpy.savez or numpy.savez_compressed');
  try {
    const found = inflateRawSync(bytes, { maxOutputLength: size + 1 });
    if (found.length === size) return found;
  } catch {
    // Said below.
  }
  throw new BadFile(DAMAGED);
}

/** `sum`: the CRC-32 of the file, which says whether any bit of it has changed. */
function contents(view: View, method: number, sizes: ReturnType<typeof sizesOf>, sum: number): Uint8Array {
  const bytes = unpacked(view, method, sizes);
  if (crc32(bytes) !== sum) throw new BadFile(DAMAGED);
  return bytes;
}

/** The files in a zip archive, by its directory. An entry unpacks to no more than it says. Throws BadFile. */
export function readZip(bytes: Uint8Array): readonly ZipEntry[] {
  const view = new View(bytes);
  const end = findEnd(view);
  let [count, at] = [view.u16(end + 10), view.u32(end + 16)];
  if (end >= 20 && view.u32(end - 20) === LOCATOR_64) {
    const end64 = view.u64(end - 12);
    if (view.u32(end64) !== END_64) throw new BadFile('its directory is damaged');
    [count, at] = [view.u64(end64 + 32), view.u64(end64 + 48)];
  }
  if (count > 100_000) throw new BadFile(`its directory has ${count} files`);
  return Array.from({ length: count }, (): ZipEntry => {
    if (view.u32(at) !== ENTRY) throw new BadFile('its directory is damaged');
    const sizes = sizesOf(view, at);
    const [method, sum] = [view.u16(at + 10), view.u32(at + 16)];
    const name = Buffer.from(view.slice(at + 46, view.u16(at + 28))).toString('utf8');
    at += 46 + view.u16(at + 28) + view.u16(at + 30) + view.u16(at + 32);
    return { name, size: sizes.size, read: () => contents(view, method, sizes, sum) };
  });
}
