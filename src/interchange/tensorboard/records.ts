/** Remainders of all bytes for the polynomial of CRC-32C (Castagnoli), bits reversed. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0x82f63b78 : rest >>> 1;
  return rest;
});

/** CRC-32C of RFC 3720. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** As records have it: turned and moved, so that the checksum of bytes with checksums in them is none of those. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Bytes of a record's length, of a checksum. */
const [LENGTH, CRC] = [8, 4];

/** A record of TensorFlow's record files: its length and the checksum of that, the data and its checksum. */
export function encodeRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(LENGTH + CRC + data.length + CRC);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(LENGTH, maskedCrc(record.subarray(0, LENGTH)), true);
  record.set(data, LENGTH + CRC);
  view.setUint32(LENGTH + CRC + data.length, maskedCrc(data), true);
  return record;
}

/** The records of a file up to the first that is cut off or damaged; `whole`: there is none such. */
export function decodeRecords(bytes: Uint8Array): { readonly records: readonly Uint8Array[]; readonly whole: boolean } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < LENGTH + CRC) return { records, whole: false };
    const isLength = view.getUint32(at + LENGTH, true) === maskedCrc(bytes.subarray(at, at + LENGTH));
    const length = Number(view.getBigUint64(at, true));
    const from = at + LENGTH + CRC;
    if (!isLength || bytes.length - from < length + CRC) return { records, whole: false };
    const data = bytes.subarray(from, from + length);
    if (view.getUint32(from + length, true) !== maskedCrc(data)) return { records, whole: false };
    records.push(data);
    at = from + length + CRC;
  }
  return { records, whole: true };
}
