import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encode } from '../../src/numeric/encoding.js';
import { COMPILER, EMU, needCompiler } from './emulated.js';

const run = promisify(execFile);

/** Values of f32 whose roundings to 16 bits are told apart: ties, subnormal results, overflow, infinities. */
const EDGES = [
  0,
  -0,
  1,
  1.00048828125,
  1.0014648,
  65504,
  65519.996,
  65520,
  -65520,
  6e-8,
  2.98e-8,
  2.9802325e-8,
  6.1e-5,
  3.3e38,
  Infinity,
  1.00390625,
  1.01171875,
];

/** Fills what each lane brings, performs an instruction of a warp, and prints what each lane has then. */
const PROGRAM = String.raw`
using namespace ampc;
static u32 out[32][4];
static float sums[32][4];
static void print(const char *name) {
  printf("%s", name);
  for (u32 l = 0; l < 32; l += 1) for (u32 i = 0; i < 4; i += 1) printf(" %u", out[l][i]);
  printf("\n");
}
int main(int argc, char **argv) {
  const u32 me = 0;
  const auto asks = [&](const char *name) { return argc > 1 && !strcmp(argv[1], name); };
  if (asks("barrier")) emu::launch(1, 1, 64, true, [] { if (thread_of_block() < 32) barrier<64>(); });
  if (asks("sizes")) emu::launch(1, 1, 64, true, [] { if (thread_of_block() < 32) barrier<32>(); else barrier<64>(); });
  if (asks("others")) emu::launch(1, 1, 64, true, [] { barrier<32>(); });
  if (asks("lanes")) emu::launch(1, 1, 32, true, [] { if (thread_of_block() < 31) shuffle(1.0f, 0); else barrier<32>(); });
  if (asks("copies")) emu::launch(1, 1, 32, true, [] {
    alignas(16) static u32 to[4], from[4];
    copy_async(to, from, true);
  });
  alignas(16) static u16 rows[32][8];
  for (u32 i = 0; i < 256; i += 1) rows[i / 8][i % 8] = u16(i);
  emu::launch(1, 1, 32, true, [] { load_matrices(out[thread_of_block()], rows[thread_of_block()]); });
  print("matrices");
  emu::launch(1, 1, 32, true, [] { load_matrices_turned(out[thread_of_block()], rows[thread_of_block()]); });
  print("turned");
  emu::launch(1, 1, 32, true, [] {
    const u32 l = thread_of_block();
    u32 a[4], b[2];
    for (u32 i = 0; i < 4; i += 1) a[i] = A[l][i];
    for (u32 i = 0; i < 2; i += 1) b[i] = B[l][i];
    for (u32 i = 0; i < 4; i += 1) sums[l][i] = 1000;
    multiply_f16(sums[l], a, b);
    for (u32 i = 0; i < 4; i += 1) out[l][i] = u32(int(sums[l][i]));
  });
  print("product");
  emu::launch(1, 1, 32, true, [] { out[thread_of_block()][0] = bits(shuffle(from_bits(thread_of_block()), thread_of_block() * 3 % 32)); });
  print("shuffle");
  emu::launch(1, 1, 32, true, [] {
    alignas(16) static u32 to[32][4], later[32][4], from[4] = {7, 8, 9, 10};
    const u32 l = thread_of_block();
    copy_async(to[l], from, true);
    copy_commit();
    copy_async(later[l], from, false);
    copy_commit();
    copy_wait<1>();
    out[l][0] = to[l][0] + to[l][3];
    out[l][1] = later[l][0];
    copy_wait<0>();
    out[l][2] = later[l][0];
  });
  print("copies");
  for (float x : EDGES) printf("edge %u %u\n", f16_code(x), bf16_code(x));
  return me;
}
`;

/** Codes of f16 of the numbers 0 to 8. */
const code = (x: number) => encode('f16', x);
const pair = (low: number, high: number) => (code(low) | (code(high) << 16)) >>> 0;
const words = (rows: readonly (readonly number[])[]) => `{${rows.map((row) => `{${row.map((x) => `${x}u`).join(', ')}}`).join(', ')}}`;
const lanes = <T>(make: (lane: number) => T): T[] => Array.from({ length: 32 }, (_, lane) => make(lane));

/** Small whole numbers: every product and sum is exact. */
const A = Array.from({ length: 16 }, (_, r) => Array.from({ length: 16 }, (_, k) => (r * 5 + k * 3) % 7));
const B = Array.from({ length: 16 }, (_, k) => Array.from({ length: 8 }, (_, n) => (k * 2 + n * 5) % 9));

/** As PTX's documentation has fragments of m16n8k16: `group` is lane / 4, `within` is lane % 4. */
const fragmentA = lanes((lane) => {
  const [group, within] = [lane >> 2, lane & 3];
  const at = (row: number, column: number) => pair(A[row]![column]!, A[row]![column + 1]!);
  return [at(group, within * 2), at(group + 8, within * 2), at(group, within * 2 + 8), at(group + 8, within * 2 + 8)];
});
const fragmentB = lanes((lane) => {
  const [group, within] = [lane >> 2, lane & 3];
  const at = (row: number) => pair(B[row]![group]!, B[row + 1]![group]!);
  return [at(within * 2), at(within * 2 + 8)];
});

describe('the header that stands for the device', function () {
  this.timeout(120_000);
  let folder: string;
  let said: ReadonlyMap<string, readonly number[]>;
  let edges: readonly (readonly number[])[];

  before(async function () {
    await needCompiler(this);
    folder = await mkdtemp(join(tmpdir(), 'ampc-emu-'));
    const numbers = EDGES.map((x) => (Number.isFinite(x) ? (Object.is(x, -0) ? '-0.0f' : `float(${x})`) : 'INFINITY'));
    const data = `#define EDGES {${numbers.join(', ')}}
static const unsigned A[32][4] = ${words(fragmentA)};
static const unsigned B[32][2] = ${words(fragmentB)};`;
    const source = join(folder, 'emu.cpp');
    await writeFile(source, `${data}\n${PROGRAM}`);
    await run(COMPILER, ['-std=c++17', '-O1', '-ffp-contract=off', '-include', EMU, source, '-o', join(folder, 'emu')]);
    const lines = (await run(join(folder, 'emu'))).stdout.trim().split('\n');
    const rows = lines.map((line) => line.split(' ')).map(([name, ...rest]) => [name!, rest.map(Number)] as const);
    said = new Map(rows.filter(([name]) => name !== 'edge'));
    edges = rows.filter(([name]) => name === 'edge').map(([, values]) => values);
  });

  after(() => rm(folder, { recursive: true, force: true }));

  /** What lane and register hold, by a table of 32 rows. */
  const expect = (name: string, want: readonly (readonly number[])[], registers = 4) =>
    assert.deepEqual(
      lanes((lane) => said.get(name)!.slice(lane * 4, lane * 4 + registers)),
      want,
    );

  it('loads matrices as ldmatrix does, turned or not', () => {
    // Element j of row i of matrix m is 64 m + 8 i + j.
    const both = (low: number, high: number) => low + high * 65536;
    const matrices = [0, 1, 2, 3];
    expect(
      'matrices',
      lanes((lane) => matrices.map((m) => both(64 * m + 8 * (lane >> 2) + 2 * (lane & 3), 64 * m + 8 * (lane >> 2) + 2 * (lane & 3) + 1))),
    );
    expect(
      'turned',
      lanes((lane) => matrices.map((m) => both(64 * m + 16 * (lane & 3) + (lane >> 2), 64 * m + 16 * (lane & 3) + 8 + (lane >> 2)))),
    );
  });

  it('multiplies fragments as mma.m16n8k16 does', () => {
    const product = (r: number, n: number) => 1000 + A[r]!.reduce((sum, a, k) => sum + a * B[k]![n]!, 0);
    expect(
      'product',
      lanes((lane) => [0, 1, 2, 3].map((e) => product((lane >> 2) + 8 * (e >> 1), 2 * (lane & 3) + (e & 1)))),
    );
  });

  it('exchanges numbers of lanes, and copies when a thread waits', () => {
    expect(
      'shuffle',
      lanes((lane) => [(lane * 3) % 32]),
      1,
    );
    // The first copy is there; the second, of zeros, is spoilt until it is waited for.
    expect(
      'copies',
      lanes(() => [17, 2 ** 32 - 1, 0]),
      3,
    );
  });

  it('rounds to f16 and bf16 as the formats do', () => {
    assert.deepEqual(
      edges,
      EDGES.map((x) => [encode('f16', Math.fround(x)), encode('bf16', Math.fround(x))]),
    );
  });

  for (const [name, says] of [
    ['barrier', /threads wait for others that never come/],
    ['sizes', /threads wait for others that never come/],
    ['others', /a barrier of other threads/],
    ['lanes', /wait for others|different instructions/],
    ['copies', /ends before its copies/],
  ] as const)
    it(`ends a program whose threads do not meet: ${name}`, async () => {
      await assert.rejects(run(join(folder, 'emu'), [name]), (error: { stderr?: string }) => says.test(error.stderr ?? ''));
    });
});
