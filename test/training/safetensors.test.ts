import assert from 'node:assert/strict';
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { readSafetensors, type Tensor, writeSafetensors } from '../../src/training/safetensors.js';
import { inTemporaryFolder } from './support/fake.js';

function file(header: string, data: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([length, Buffer.from(header), data]);
}

const f32 = (begin: number, end: number, shape: readonly number[] = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

async function refused(bytes: Uint8Array, reason: RegExp): Promise<void> {
  await inTemporaryFolder(async (dir) => {
    const path = join(dir, 'x.safetensors');
    await writeFile(path, bytes);
    await assert.rejects(readSafetensors(path), (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.equal(error.diagnostics[0]?.code, 'AMP7201');
      assert.match(error.diagnostics[0]?.why ?? '', reason);
      return true;
    });
  });
}

const tensors = new Map<string, Tensor>([
  ['conv1.weight', { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, Number.NaN, Number.POSITIVE_INFINITY, 1e-40) }],
  ['optimizer.step', { shape: [], data: Int32Array.of(-7) }],
  ['empty', { shape: [0, 4], data: new Float32Array(0) }],
]);

/** The bytes of a file with these tensors. */
function written(metadata: Readonly<Record<string, string>> = {}): Promise<Buffer> {
  return inTemporaryFolder(async (dir) => {
    await writeSafetensors(join(dir, 'w.safetensors'), tensors, metadata);
    return readFile(join(dir, 'w.safetensors'));
  });
}

describe('safetensors', () => {
  it('reads what it wrote, to the bit, and leaves nothing else behind', () =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, 'w.safetensors');
      await writeSafetensors(path, tensors, { note: 'grüße "x"' });
      const read = await readSafetensors(path);
      assert.deepEqual(read.tensors, tensors);
      assert.equal(read.metadata.note, 'grüße "x"');
      assert.deepEqual(await readdir(dir), ['w.safetensors']);
    }));

  it('starts the data at a multiple of eight bytes', async () => {
    assert.equal((await written()).readBigUInt64LE(0) % 8n, 0n);
  });

  it('reads the same in pieces of any size', () =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, 'w.safetensors');
      const many = new Map<string, Tensor>([...tensors, ['long', { shape: [1001], data: Float32Array.from({ length: 1001 }, Math.sin) }]]);
      await writeSafetensors(path, many, { format: 'ampc-test' });
      for (const piece of [8, 24, 4096]) assert.deepEqual((await readSafetensors(path, { piece })).tensors, many);
    }));

  it('reads beyond 2 GiB, and no entry that is not wanted', () =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, 'w.safetensors');
      const big = 3 * 2 ** 30;
      const header = {
        big: f32(0, big),
        small: f32(big, big + 8),
        counts: { dtype: 'I64', shape: [1], data_offsets: [big + 8, big + 16] },
      };
      const start = file(JSON.stringify(header), new Uint8Array(0));
      const handle = await open(path, 'w');
      try {
        await handle.write(start);
        await handle.write(Float32Array.of(1.5, -7), 0, 8, start.length + big);
        // The rest is a hole, which takes no room.
        await handle.truncate(start.length + big + 16);
      } finally {
        await handle.close();
      }
      const { tensors: read, others } = await readSafetensors(path, { wanted: new Set(['small', 'counts']) });
      assert.deepEqual([...read], [['small', { shape: [2], data: Float32Array.of(1.5, -7) }]]);
      assert.deepEqual([...others.keys()], ['big', 'counts']);
    }));

  it('rounds doubles to f32, and refuses those that it cannot hold', () =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, 'w.safetensors');
      const header = JSON.stringify({ a: { dtype: 'F64', shape: [3], data_offsets: [0, 24] } });
      const of = (...values: readonly number[]) => file(header, new Uint8Array(Float64Array.of(...values).buffer));
      await writeFile(path, of(0.1, Number.NEGATIVE_INFINITY, 1e-50));
      const read = await readSafetensors(path, { piece: 8 });
      assert.deepEqual(read.tensors.get('a')?.data, Float32Array.of(0.1, Number.NEGATIVE_INFINITY, 0));
      await refused(of(1, 1e39, 1), /1e\+39, which f32 cannot hold/);
    }));

  it('passes over the types that hold no weights', () =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, 'w.safetensors');
      const bytes = { BOOL: 1, U8: 1, I8: 1, I16: 2, U16: 2, U32: 4, I64: 8, U64: 8, F8_E4M3: 1, C64: 8 };
      let end = 0;
      const entries = Object.entries(bytes).map(([dtype, size]) => {
        end += 3 * size;
        return [dtype, { dtype, shape: [3], data_offsets: [end - 3 * size, end] }];
      });
      await writeFile(path, file(JSON.stringify(Object.fromEntries(entries)), new Uint8Array(end)));
      const { tensors: read, others } = await readSafetensors(path);
      assert.deepEqual([read.size, [...others.keys()].sort()], [0, Object.keys(bytes).sort()]);
    }));

  it('widens f16 and bf16, at any alignment and without a checksum', () =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, 'w.safetensors');
      const header = { a: { dtype: 'F16', shape: [2], data_offsets: [0, 4] }, b: { dtype: 'BF16', shape: [1], data_offsets: [4, 6] } };
      await writeFile(path, file(`${JSON.stringify(header)} `, Uint8Array.of(0x00, 0x3c, 0x00, 0xc0, 0xc0, 0x3f)));
      const read = await readSafetensors(path);
      assert.deepEqual(
        [...read.tensors.values()].map(({ data }) => [...data]),
        [[1, -2], [1.5]],
      );
    }));

  it('finds a flipped bit anywhere in its own files', async () => {
    const bytes = await written({ format: 'ampc-test', step: '17' });
    for (let at = 0; at < bytes.length; at += 3) {
      const damaged = Buffer.from(bytes);
      damaged[at] ^= 1;
      await refused(damaged, /./);
    }
  });

  it('finds files cut short', async () => {
    const bytes = await written();
    for (const length of [0, 5, 8, 40, bytes.length - 1]) await refused(bytes.subarray(0, length), /./);
  });

  const damages: readonly (readonly [name: string, header: string, data: number, reason: RegExp])[] = [
    ['a header that is not JSON', '{"a":', 0, /not JSON/],
    ['a header that is a list', '[]', 0, /not a JSON object/],
    ['a duplicate name', `{"a":${JSON.stringify(f32(0, 4))},"a":${JSON.stringify(f32(4, 8))}}`, 8, /'a' appears twice/],
    ['overlapping tensors', JSON.stringify({ a: f32(0, 8), b: f32(4, 12) }), 12, /overlap/],
    ['a gap', JSON.stringify({ a: f32(0, 4), b: f32(8, 12) }), 12, /belong to no tensor/],
    ['bytes left over', JSON.stringify({ a: f32(0, 4) }), 12, /8 bytes after the last tensor/],
    ['data outside the file', JSON.stringify({ a: f32(0, 16) }), 8, /of 8 bytes of data/],
    ['a size that is not the shape’s', JSON.stringify({ a: f32(0, 8, [3]) }), 8, /12 bytes, but has 8/],
    ['a negative size', JSON.stringify({ a: f32(0, 4, [-1]) }), 4, /no valid shape/],
    ['reversed offsets', JSON.stringify({ a: { ...f32(0, 4), data_offsets: [4, 0] } }), 4, /lies at bytes 4 to 0/],
    ['an unknown dtype', JSON.stringify({ a: { ...f32(0, 8, [1]), dtype: 'F65' } }), 8, /dtype F65/],
    ['metadata that is not strings', JSON.stringify({ __metadata__: { a: 1 } }), 0, /metadata/],
  ];
  for (const [name, header, data, reason] of damages) {
    it(`refuses ${name}`, () => refused(file(header, new Uint8Array(data)), reason));
  }

  it('refuses a header longer than the file', () => {
    const bytes = file('{}', new Uint8Array(0));
    bytes.writeBigUInt64LE(1_000_000n);
    return refused(bytes, /ends inside its header/);
  });

  it('says when there is no file', () => assert.rejects(readSafetensors('/nonexistent/x.safetensors'), /AMP7201/));
});
