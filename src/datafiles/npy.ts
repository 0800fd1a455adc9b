import { BadFile } from './bad-file.js';

export interface NpyHeader {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Where the values begin. */
  readonly at: number;
  readonly isFortran: boolean;
}

const MAGIC = '\x93NUMPY';
const HEADER = /^\{\s*'descr':\s*'([^']*)',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([\d,\s]*)\),?\s*\}\s*$/;

/** Whether bytes are those of a .npy file. */
export function isNpy(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, MAGIC.length)).toString('latin1') === MAGIC;
}

/** The header of a .npy file (numpy's format 1 to 3). It is written as Python text, which is matched, never evaluated. Throws BadFile. */
export function readNpyHeader(bytes: Uint8Array): NpyHeader {
  const text = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString('latin1');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 12 || !isNpy(bytes)) throw new BadFile('it is no .npy file');
  const isFirst = bytes[6] === 1;
  const start = isFirst ? 10 : 12;
  const at = start + (isFirst ? view.getUint16(8, true) : view.getUint32(8, true));
  if (at > bytes.length) throw new BadFile('its header is cut short');
  const found = HEADER.exec(text(start, at));
  if (found === null)
    throw new BadFile('its header describes no array of plain numbers', 'save an array of one type, without names for its fields');
  const [, dtype = '', order, sizes = ''] = found;
  const shape = sizes.split(',').flatMap((size) => (size.trim() === '' ? [] : [Number(size)]));
  return { dtype, shape, at, isFortran: order === 'True' };
}

type Read = (view: DataView, at: number) => number;

/** Whole numbers by numpy's name of their type, without the mark of their byte order. */
const INTEGERS: Readonly<Record<string, readonly [bytes: number, read: (isLittle: boolean) => Read]>> = {
  b1: [1, () => (view, at) => view.getUint8(at)],
  u1: [1, () => (view, at) => view.getUint8(at)],
  i1: [1, () => (view, at) => view.getInt8(at)],
  u2: [2, (isLittle) => (view, at) => view.getUint16(at, isLittle)],
  i2: [2, (isLittle) => (view, at) => view.getInt16(at, isLittle)],
  u4: [4, (isLittle) => (view, at) => view.getUint32(at, isLittle)],
  i4: [4, (isLittle) => (view, at) => view.getInt32(at, isLittle)],
  u8: [8, (isLittle) => (view, at) => Number(view.getBigUint64(at, isLittle))],
  i8: [8, (isLittle) => (view, at) => Number(view.getBigInt64(at, isLittle))],
};

function valuesOf(bytes: Uint8Array, { shape, at, isFortran }: NpyHeader, itemBytes: number): number {
  if (isFortran && shape.filter((size) => size > 1).length > 1)
    throw new BadFile('its values go column by column', 'save it again as numpy.ascontiguousarray(ARRAY)');
  const count = shape.reduce((product, size) => product * size, 1);
  if (bytes.length - at !== count * itemBytes)
    throw new BadFile(`it has ${bytes.length - at} bytes of values, and its header says ${shape.join(' x ')}; it was probably cut short`);
  return count;
}

/** Bytes: the pixels of images. Throws BadFile for another type. */
export function readNpyBytes(bytes: Uint8Array): { readonly shape: readonly number[]; readonly bytes: Uint8Array } {
  const header = readNpyHeader(bytes);
  if (header.dtype !== '|u1')
    throw new BadFile(`its values are of type ${header.dtype}; images are uint8`, 'save the images as uint8, from 0 to 255');
  valuesOf(bytes, header, 1);
  return { shape: header.shape, bytes: bytes.subarray(header.at) };
}

/** Whole numbers: labels. Throws BadFile for another type. */
export function readNpyIntegers(bytes: Uint8Array): { readonly shape: readonly number[]; readonly values: readonly number[] } {
  const header = readNpyHeader(bytes);
  const [order, type] = [header.dtype[0] ?? '', header.dtype.slice(1)];
  const integer = Object.hasOwn(INTEGERS, type) ? INTEGERS[type] : undefined;
  if (integer === undefined)
    throw new BadFile(
      `its values are of type ${header.dtype}; labels are whole numbers`,
      'save the labels as whole numbers, such as int64',
    );
  const [itemBytes, reader] = integer;
  const count = valuesOf(bytes, header, itemBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset + header.at, count * itemBytes);
  const read = reader(order !== '>');
  return { shape: header.shape, values: Array.from({ length: count }, (_, index) => read(view, index * itemBytes)) };
}

/** Real numbers by numpy's name of their type, without the mark of their byte order. */
const REALS: Readonly<Record<string, readonly [bytes: number, read: (isLittle: boolean) => Read]>> = {
  ...INTEGERS,
  f4: [4, (isLittle) => (view, at) => view.getFloat32(at, isLittle)],
  f8: [8, (isLittle) => (view, at) => view.getFloat64(at, isLittle)],
};

/** Numbers of any such type, as f32. Throws BadFile for another type, and for one that f32 does not hold as a finite number. */
export function readNpyNumbers(bytes: Uint8Array): { readonly shape: readonly number[]; readonly values: Float32Array } {
  const header = readNpyHeader(bytes);
  const [order, type] = [header.dtype[0] ?? '', header.dtype.slice(1)];
  const real = Object.hasOwn(REALS, type) ? REALS[type] : undefined;
  if (real === undefined) throw new BadFile(`its values are of type ${header.dtype}; a model takes real numbers, such as float32`);
  const [itemBytes, reader] = real;
  const count = valuesOf(bytes, header, itemBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset + header.at, count * itemBytes);
  const read = reader(order !== '>');
  const values = Float32Array.from({ length: count }, (_, index) => read(view, index * itemBytes));
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) throw new BadFile(`number ${wrong} of it is ${read(view, wrong * itemBytes)}, which is no finite number in f32`);
  return { shape: header.shape, values };
}

const UNICODE = /^([<>])U(\d+)$/;

/** Texts, as numpy keeps arrays of `str`: names of classes. Throws BadFile for another type. */
export function readNpyTexts(bytes: Uint8Array): readonly string[] {
  const header = readNpyHeader(bytes);
  const found = UNICODE.exec(header.dtype);
  if (found === null)
    throw new BadFile(`its values are of type ${header.dtype}; names are texts`, 'save the names as texts: numpy.array(["cat", "dog"])');
  const characters = Number(found[2]);
  const count = valuesOf(bytes, header, 4 * characters);
  const view = new DataView(bytes.buffer, bytes.byteOffset + header.at);
  const point = (at: number): number => view.getUint32(4 * at, found[1] === '<');
  return Array.from({ length: count }, (_, index) => {
    const points = Array.from({ length: characters }, (_none, at) => point(index * characters + at));
    if (points.some((value) => value > 0x10ffff)) throw new BadFile('it holds what is no text');
    return String.fromCodePoint(...points).replace(/\0+$/, '');
  });
}
