import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { exportC } from '../../src/exporting/c/export.js';
import { elementCount, type PrecisionName } from '../../src/ir/types.js';
import { findCompiler } from '../../src/runtime/cpu/compiler.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, type Workspace } from '../support/tiny.js';
import { deviation, expectedOf, FACTS, type NetworkName, networkOf } from './networks.js';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(command, [...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr });
    });
  });
}

describe('programs in C', () => {
  let work: Workspace;
  let compiler: readonly [string, ...string[]];

  before(async function () {
    const found = await findCompiler().catch(() => undefined);
    if (found === undefined || process.platform === 'win32') skip(this, 'no C compiler');
    compiler = found.command;
    work = makeWorkspace();
  });

  after(() => work?.remove());

  /** The program of a network, compiled, with its images as files, and the logits of the reference. */
  async function programOf(name: NetworkName, precision: PrecisionName, ...flags: readonly string[]) {
    const net = await networkOf(name, precision);
    const folder = work.path(`${name}-${precision}`);
    mkdirSync(folder);
    for (const [file, content] of Object.entries(exportC(net.graph, net.states, FACTS))) writeFileSync(join(folder, file), content);
    const program = join(folder, 'model');
    const [command, ...first] = compiler;
    const built = await run(command, [...first, ...flags, '-std=gnu11', '-Wall', `${program}.c`, '-o', program, '-lm', '-pthread']);
    assert.equal(built.code, 0, built.stderr);
    const { images, shape, logits } = expectedOf(net);
    const size = elementCount(shape.slice(1));
    const files = [0, 1].map((index) => {
      const file = join(folder, `${index}.bin`);
      writeFileSync(file, images.subarray(index * size, (index + 1) * size));
      return file;
    });
    return { folder, program, files, images: images.subarray(0, size), logits: [logits.subarray(0, 10), logits.subarray(10, 20)] as const };
  }

  for (const [name, precision, allowed] of [
    ['convolutions', 'fp32', 3e-6],
    ['transformer', 'fp16', 8e-3],
    ['channels', 'bf16', 4e-2],
    ['stored', 'fp16', 2e-3],
  ] as const)
    it(`${name} in ${precision} gives the reference's logits, image by image`, async () => {
      const { program, files, logits } = await programOf(name, precision, '-O1');
      const { code, stdout, stderr } = await run(program, ['--logits', ...files]);
      assert.equal(code, 0, stderr);
      const lines = stdout.trim().split('\n');
      assert.equal(lines.length, 2);
      for (const [index, line] of lines.entries()) {
        const actual = line.slice(`${files[index]}:`.length).trim().split(' ').map(Number);
        assert.ok(deviation(actual, logits[index]!) <= allowed, String(deviation(actual, logits[index]!)));
      }
    });

  it('classifies pictures as ampc predict prints it, and goes on behind one that cannot be read', async () => {
    const { program, folder, files, images, logits } = await programOf('channels', 'fp32', '-O2');
    const ppm = join(folder, 'picture.ppm');
    writeFileSync(ppm, Buffer.concat([Buffer.from('P6\n# a comment\n32 32\n255\n'), images]));
    const small = join(folder, 'small.ppm');
    writeFileSync(small, Buffer.concat([Buffer.from('P6 2 2 255\n'), images.subarray(0, 12)]));
    const { code, stdout, stderr } = await run(program, [files[0]!, join(folder, 'none.ppm'), small, ppm]);
    assert.equal(code, 1);
    const powers = Array.from(logits[0], (value) => Math.exp(value));
    const sum = powers.reduce((a, b) => a + b, 0);
    const ranked = powers.map((power, label) => [power / sum, FACTS.classes[label]!] as const).sort(([a], [b]) => b - a);
    const [best, second, third] = ranked.map(([share, label]) => `${label} ${(100 * share).toFixed(2)} %`);
    const line = ` ${best}  (${second}, ${third})\n`;
    assert.equal(stdout, `${files[0]}:${line}${ppm}:${line}`);
    assert.match(
      stderr,
      /none\.ppm cannot be read: it cannot be opened\n.*small\.ppm cannot be read: it has another size: 32x32 is needed\n/,
    );
  });

  it('says what it needs', async () => {
    const { program, folder, files } = await programOf('convolutions', 'bf16', '-O0');
    const none = await run(program, []);
    assert.deepEqual([none.code, none.stderr.startsWith(`usage: ${program} [--weights FILE]`)], [2, true]);
    const bad = join(folder, 'short.bin');
    writeFileSync(bad, Buffer.alloc(10));
    const wrong = await run(program, ['--weights', bad, files[0]!]);
    assert.deepEqual([wrong.code, basename(bad), /short\.bin cannot be used/.test(wrong.stderr)], [1, 'short.bin', true]);
  });
});
