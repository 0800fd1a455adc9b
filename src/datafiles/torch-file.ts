import { BadFile } from './bad-file.js';
import { readPickle, readPickleAt } from './pickle.js';
import type { Pickled, PickleNames } from './pickle-machine.js';
import { type Storage, TORCH_NAMES, TorchTensor, type TorchType } from './torch-pickle.js';
import { readZip, type ZipEntry } from './zip.js';

export interface StateDictEntry {
  readonly name: string;
  readonly dtype: TorchType;
  readonly shape: readonly number[];
  /** Its elements, row by row, little endian. Throws BadFile. */
  read(): Uint8Array;
}

export interface StateDict {
  /** In the order of the file. */
  readonly entries: readonly StateDictEntry[];
  /** Where it lies in a checkpoint that holds more: `state_dict`; undefined where it is all there is. */
  readonly key?: string;
}

/** How a pickle of torch.save before version 1.6 begins: a magic number as a pickle of its own. */
const OLDER = Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e);

/** What checkpoints call the state dict in them, the usual names first. */
const KEYS = ['state_dict', 'model_state_dict', 'model', 'net', 'module', 'params', 'weights'];

type Bytes = (storage: Storage) => Uint8Array;

/** The elements of a tensor one behind the other, wherever its storage has them. */
function gather({ storage, offset, shape, strides, elements }: TorchTensor, bytesOf: Bytes): Uint8Array {
  const bytes = bytesOf(storage);
  const { itemBytes } = storage;
  let dense = 1;
  const isDense = shape.every((_, i) => {
    const axis = shape.length - 1 - i;
    const fits = shape[axis] === 1 || strides[axis] === dense;
    dense *= shape[axis]!;
    return fits;
  });
  const result = new Uint8Array(elements * itemBytes);
  if (elements === 0) return result;
  if (isDense) {
    result.set(bytes.subarray(offset * itemBytes, (offset + elements) * itemBytes));
    return result;
  }
  const at = shape.map(() => 0);
  for (let element = 0, from = offset; element < elements; element += 1) {
    for (let byte = 0; byte < itemBytes; byte += 1) result[element * itemBytes + byte] = bytes[from * itemBytes + byte]!;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      from += strides[axis]!;
      at[axis]! += 1;
      if (at[axis]! < shape[axis]!) break;
      from -= at[axis]! * strides[axis]!;
      at[axis] = 0;
    }
  }
  return result;
}

function entriesOf(dict: ReadonlyMap<Pickled, Pickled>, bytesOf: Bytes): StateDictEntry[] {
  return [...dict].flatMap(([name, value]) => {
    if (typeof name !== 'string' || !(value instanceof TorchTensor)) return [];
    const { storage, shape } = value;
    return [{ name, dtype: storage.dtype, shape, read: () => gather(value, bytesOf) }];
  });
}

function findDict(value: Pickled, bytesOf: Bytes): StateDict {
  if (!(value instanceof Map)) throw new BadFile('it holds no dictionary of tensors');
  const dict = value as ReadonlyMap<Pickled, Pickled>;
  const own = entriesOf(dict, bytesOf);
  if (own.length > 0) return { entries: own };
  const parts = [...dict].flatMap(([key, part]) => {
    const entries = part instanceof Map ? entriesOf(part as ReadonlyMap<Pickled, Pickled>, bytesOf) : [];
    return typeof key === 'string' && entries.length > 0 ? [{ key, entries }] : [];
  });
  const usual = KEYS.flatMap((key) => parts.filter((part) => part.key === key));
  const found = usual[0] ?? (parts.length === 1 ? parts[0] : undefined);
  if (found !== undefined) return found;
  if (parts.length === 0) throw new BadFile('it holds no tensors by name');
  throw new BadFile(`it holds several dictionaries of tensors: ${parts.map(({ key }) => key).join(', ')}`);
}

function readZipped(bytes: Uint8Array): StateDict {
  const files = readZip(bytes);
  const pickle = files.find(({ name }) => /^([^/]+\/)?data\.pkl$/.test(name));
  if (pickle === undefined) throw new BadFile('it is a zip archive without the data.pkl of torch.save');
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  const byName = new Map<string, ZipEntry>(files.map((file) => [file.name, file]));
  const order = byName.get(`${folder}byteorder`);
  if (order !== undefined && Buffer.from(order.read()).toString('latin1') !== 'little')
    throw new BadFile('it was written by a machine that has the high byte of a number first');
  const bytesOf: Bytes = ({ key, count, itemBytes }) => {
    const file = byName.get(`${folder}data/${key}`);
    if (file === undefined) throw new BadFile(`the numbers ${key} are missing in it`);
    if (file.size !== count * itemBytes) throw new BadFile(`the numbers ${key} in it are ${file.size} bytes, not ${count * itemBytes}`);
    return file.read();
  };
  return findDict(readPickle(pickle.read(), TORCH_NAMES), bytesOf);
}

/** Three pickles ahead of the one with the tensors, one with the keys of the storages behind it, then these. */
function readOlder(bytes: Uint8Array): StateDict {
  let at = OLDER.length;
  const next = (names: PickleNames = TORCH_NAMES): Pickled => {
    const { value, end } = readPickleAt(bytes, at, names);
    at = end;
    return value;
  };
  next();
  next();
  const storages = new Map<string, Storage>();
  const persistent = (id: Parameters<NonNullable<PickleNames['persistent']>>[0]) => {
    const storage = TORCH_NAMES.persistent!(id) as Storage | undefined;
    if (storage !== undefined) storages.set(storage.key, storage);
    return storage;
  };
  const value = next({ ...TORCH_NAMES, persistent });
  const keys = next();
  const places = new Map<string, Uint8Array>();
  for (const key of Array.isArray(keys) ? (keys as readonly Pickled[]) : []) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (storage === undefined) throw new BadFile('it has numbers that no tensor has');
    const size = storage.count * storage.itemBytes;
    if (at + 8 + size > bytes.length) throw new BadFile('it is cut short');
    const count = Number(new DataView(bytes.buffer, bytes.byteOffset + at, 8).getBigInt64(0, true));
    if (count !== storage.count) throw new BadFile(`the numbers ${storage.key} in it are ${count}, not ${storage.count}`);
    places.set(storage.key, bytes.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  return findDict(value, ({ key }) => {
    const place = places.get(key);
    if (place === undefined) throw new BadFile(`the numbers ${key} are missing in it`);
    return place;
  });
}

/**
 * The tensors of a file that `torch.save(model.state_dict())` wrote, or a checkpoint that holds such a dictionary; the zip form and that
 * of versions before 1.6. Nothing of the file is run: see `readPickle`. Throws BadFile.
 */
export function readStateDict(bytes: Uint8Array): StateDict {
  if (bytes.length >= 4 && bytes[0] === 0x50 && bytes[1] === 0x4b) return readZipped(bytes);
  if (OLDER.every((byte, i) => bytes[i] === byte)) return readOlder(bytes);
  throw new BadFile('it is no file of torch.save');
}
