/** What decoding costs on one core: files read and decoded by the libraries, and as threads of the pool do it, with files and the cache. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from '../../src/training/data/decode-jobs.js';
import { decodePicture } from '../../src/training/data/picture.js';
import { median } from '../statistics.js';

const [folder, side = '64', count = '400'] = process.argv.slice(2);
if (folder === undefined) throw new Error('npx tsx bench/data/decode.ts FOLDER_OF_PICTURES [SIDE] [COUNT]');
const shape = [Number(side), Number(side), 3];
const size = { height: shape[0]!, width: shape[1]!, fit: 'crop', filter: 'lanczos3' } as const;
const files = readdirSync(folder)
  .slice(0, Number(count))
  .map((name) => join(folder, name));

const cache = mkdtempSync(join(tmpdir(), 'ampc-decode-'));
const memory = new SharedArrayBuffer(files.length * shape[0]! * shape[1]! * 3);

async function cpu(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / files.length;
}

const bare = async (): Promise<void> => {
  for (const file of files) await decodePicture(readFileSync(file), shape, size);
};
let round = 0;
const pooled = (kept: string) => async (): Promise<void> => {
  for (let first = 0; first < files.length; first += 8) {
    const pictures = files.slice(first, first + 8).map((file, at) => {
      const { size: length, mtimeMs } = statSync(file);
      return { file, size: length, mtimeMs, slot: first + at, place: first + at };
    });
    const place = { pixels: join(cache, `${kept}.u8`), marks: join(cache, `${kept}.marks`) };
    await load({ decoding: { shape, size }, cache: place, memory, pictures });
  }
};
const times = { library: [] as number[], pool: [] as number[], cached: [] as number[] };
await bare();
for (; round < 7; round++) {
  times.library.push(await cpu(bare));
  times.pool.push(await cpu(pooled(`new${round}`)));
  times.cached.push(await cpu(pooled(`new${round}`)));
}
rmSync(cache, { recursive: true, force: true });
for (const [name, ms] of Object.entries(times)) console.log(`${name}: ${median(ms).toFixed(3)} ms of a processor for each picture`);
console.log(
  `the pool takes ${(median(times.pool.map((ms, at) => ms / times.library[at]!)) * 100 - 100).toFixed(1)} % more than the library`,
);
