/** Makes a folder of JPEGs to measure with: noise on waves, about as large as photographs of that size. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string', default: '100000' },
    test: { type: 'string', default: '2000' },
    side: { type: 'string', default: '256' },
    classes: { type: 'string', default: '10' },
  },
});
const [dir] = positionals;
if (dir === undefined) throw new Error('npx tsx bench/data/pictures.ts DIR [--count 100000] [--test 2000] [--side 256] [--classes 10]');
const [count, test, side, classes] = [values.count, values.test, values.side, values.classes].map(Number) as [
  number,
  number,
  number,
  number,
];

/** Pictures that differ; the others are these with a comment of their own. */
const DISTINCT = 500;

async function paint(number: number): Promise<Buffer> {
  const pixels = Buffer.alloc(side * side * 3);
  const label = number % classes;
  let state = number + 1;
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      for (let channel = 0; channel < 3; channel++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const wave = 60 * Math.sin(x / (9 + label) + number + channel) + 50 * Math.cos(y / (11 + channel + number / DISTINCT));
        pixels[(y * side + x) * 3 + channel] = Math.max(0, Math.min(255, 128 + wave + 24 * (state / 2 ** 32 - 0.5)));
      }
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .jpeg({ quality: 85 })
    .toBuffer();
}

/** A JPEG with a comment behind its first two bytes. */
function withComment(jpeg: Buffer, text: string): Buffer {
  const head = Buffer.from([0xff, 0xd8, 0xff, 0xfe, 0, text.length + 2]);
  return Buffer.concat([head, Buffer.from(text, 'latin1'), jpeg.subarray(2)]);
}

const distinct: Buffer[] = [];
for (let number = 0; number < Math.min(DISTINCT, count); number++) distinct.push(await paint(number));
for (const [split, pictures] of [
  ['train', count],
  ['test', test],
] as const)
  for (let number = 0; number < pictures; number++) {
    const folder = join(dir, split, `class${number % classes}`);
    if (number < classes) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${number}.jpg`), withComment(distinct[number % distinct.length]!, `${split} ${number}`));
  }
const bytes = distinct.reduce((sum, { length }) => sum + length, 0) / distinct.length;
console.log(`${count} and ${test} JPEGs of ${side}x${side} in ${dir}, ${(bytes / 1000).toFixed(1)} kB each`);
