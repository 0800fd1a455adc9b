/** Bytes of one column, text or array of a pickle that is being written. */
export type Pickle = number | string | readonly Pickle[] | { readonly rows: readonly Uint8Array[] } | ReadonlyMap<string, Pickle>;

const bytes = (...values: readonly (number | string)[]): Buffer =>
  Buffer.concat(values.map((value) => (typeof value === 'number' ? Buffer.of(value) : Buffer.from(value, 'latin1'))));

const four = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
};

function global(name: string): Buffer {
  const [module, item] = name.split(' ') as [string, string];
  return bytes('c', `${module}\n`, `${item}\n`);
}

/** A dtype of bytes, as numpy pickles it. */
const U1 = Buffer.concat([
  global('numpy dtype'),
  bytes('(', 'U', 2, 'u1', 'K', 0, 'K', 1, 't', 'R'),
  bytes('(', 'K', 3, 'U', 1, '|', 'N', 'N', 'N', 'J', four(-1).toString('latin1'), 'J', four(-1).toString('latin1'), 'K', 0, 't', 'b'),
]);

function write(value: Pickle): Buffer {
  if (typeof value === 'number') return Buffer.concat([bytes('J'), four(value)]);
  if (typeof value === 'string') return Buffer.concat([bytes('T'), four(value.length), bytes(value)]);
  if (value instanceof Map)
    return Buffer.concat([bytes('}', '('), ...[...value].flatMap(([key, part]) => [write(key), write(part as Pickle)]), bytes('u')]);
  if ('rows' in value) {
    const { rows } = value;
    const shape = Buffer.concat([bytes('J'), four(rows.length), bytes('J'), four(rows[0]!.length), bytes(0x86)]);
    const data = Buffer.concat(rows);
    return Buffer.concat([
      global('numpy.core.multiarray _reconstruct'),
      bytes('('),
      global('numpy ndarray'),
      bytes('K', 0, 0x85, 'U', 1, 'b', 't', 'R'),
      bytes('(', 'K', 1),
      shape,
      U1,
      bytes(0x89, 'T'),
      four(data.length),
      data,
      bytes('t', 'b'),
    ]);
  }
  return Buffer.concat([bytes(']', '('), ...(value as readonly Pickle[]).map(write), bytes('e')]);
}

/** A pickle of protocol 2, as Python 2 wrote the batches of CIFAR. */
export function pickle(value: Pickle): Buffer {
  return Buffer.concat([bytes(0x80, 2), write(value), bytes('.')]);
}
