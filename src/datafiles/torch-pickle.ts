import { Global, type Item, PickledObject, type PickleNames, Tuple } from './pickle-machine.js';

/** Formats of elements by the names of PyTorch's storages, as safetensors calls them, and their bytes. */
const STORAGES = {
  FloatStorage: ['F32', 4],
  HalfStorage: ['F16', 2],
  BFloat16Storage: ['BF16', 2],
  DoubleStorage: ['F64', 8],
  LongStorage: ['I64', 8],
  IntStorage: ['I32', 4],
  ShortStorage: ['I16', 2],
  CharStorage: ['I8', 1],
  ByteStorage: ['U8', 1],
  BoolStorage: ['BOOL', 1],
} as const satisfies Readonly<Record<string, readonly [string, number]>>;

export type TorchType = (typeof STORAGES)[keyof typeof STORAGES][0];

/** Numbers that lie beside a pickle, one behind the other. */
export class Storage extends PickledObject {
  readonly kind = 'storage';

  constructor(
    readonly key: string,
    readonly dtype: TorchType,
    readonly itemBytes: number,
    readonly count: number,
  ) {
    super();
  }
}

/** A tensor: element [i, j, …] is at offset + i * strides[0] + j * strides[1] + … of its storage. */
export class TorchTensor extends PickledObject {
  readonly kind = 'tensor';

  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super();
  }

  get elements(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }
}

type Fail = (why: string) => never;

const isCount = (item: Item | undefined): item is number => Number.isSafeInteger(item) && (item as number) >= 0;

function counts(item: Item | undefined, fail: Fail): readonly number[] {
  const items = item instanceof Tuple ? item.items : fail('a tensor has no shape');
  return items.map((size) => (isCount(size) ? size : fail('a tensor has no shape')));
}

function rebuildTensor([storage, offset, shape, strides]: readonly Item[], fail: Fail): TorchTensor {
  if (!(storage instanceof Storage) || !isCount(offset)) return fail('a tensor has no storage');
  const [sizes, steps] = [counts(shape, fail), counts(strides, fail)];
  if (sizes.length !== steps.length || sizes.length > 16) return fail('a tensor has other axes than strides');
  const tensor = new TorchTensor(storage, offset, sizes, steps);
  if (tensor.elements === 0) return tensor;
  const last = sizes.reduce((sum, size, axis) => sum + (size - 1) * steps[axis]!, offset);
  // An element that stands for several could make a small file a large tensor.
  if (last >= storage.count || tensor.elements > storage.count) return fail('a tensor is larger than its storage');
  return tensor;
}

/** Of torch.save: ('storage', type, key, device, elements), and in the older form what it is a part of, which is then nothing. */
function storageOf(id: Item): Storage | undefined {
  if (!(id instanceof Tuple)) return undefined;
  const [tag, type, key, , count, part] = id.items;
  if (tag !== 'storage' || !(type instanceof Global) || typeof key !== 'string' || !isCount(count)) return undefined;
  if (part !== undefined && part !== null) return undefined;
  const [dtype, itemBytes] = STORAGES[type.name as keyof typeof STORAGES] ?? [];
  return dtype && new Storage(key, dtype, itemBytes!, count);
}

/** What state dicts are put together with. Whole modules, optimizers of other libraries and whatever else needs more are refused. */
export const TORCH_NAMES: PickleNames = {
  globals: new Map([
    ...Object.keys(STORAGES).map((name) => [`torch ${name}`, new Global(name)] as const),
    ['collections OrderedDict', new Global('OrderedDict', ([entries], fail) => (entries === undefined ? new Map() : pairs(entries, fail)))],
    ['torch Size', new Global('Size', ([sizes], fail) => new Tuple(counts(sizes, fail)))],
    ['torch._utils _rebuild_tensor_v2', new Global('_rebuild_tensor_v2', rebuildTensor)],
    ['torch._utils _rebuild_tensor', new Global('_rebuild_tensor', rebuildTensor)],
    ['torch._utils _rebuild_parameter', new Global('_rebuild_parameter', ([data], fail) => data ?? fail('a parameter has no data'))],
  ]),
  persistent: storageOf,
};

function pairs(entries: Item, fail: Fail): Map<Item, Item> {
  const list = Array.isArray(entries) ? (entries as readonly Item[]) : fail('a dictionary has no entries');
  return new Map(
    list.map((entry): [Item, Item] => {
      const parts = entry instanceof Tuple ? entry.items : Array.isArray(entry) ? (entry as readonly Item[]) : [];
      return parts.length === 2 ? [parts[0]!, parts[1]!] : fail('an entry of a dictionary has no value');
    }),
  );
}
