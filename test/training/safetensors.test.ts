import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { encodeSafetensors, readSafetensors, type Tensor, writeSafetensors } from '../../src/training/safetensors.js';
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

  it('starts the data at a multiple of eight bytes', () => {
    const [header] = encodeSafetensors(tensors);
    assert.equal((header?.length ?? 1) % 8, 0);
  });

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
    const bytes = Buffer.concat(encodeSafetensors(tensors, { format: 'ampc-test', step: '17' }));
    for (let at = 0; at < bytes.length; at += 3) {
      const damaged = Buffer.from(bytes);
      damaged[at] ^= 1;
      await refused(damaged, /./);
    }
  });

  it('finds files cut short', async () => {
    const bytes = Buffer.concat(encodeSafetensors(tensors));
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
    ['an unknown dtype', JSON.stringify({ a: { ...f32(0, 8, [1]), dtype: 'F64' } }), 8, /dtype F64/],
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
