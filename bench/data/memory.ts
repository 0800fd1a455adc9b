/** Resident memory of `ampc train` (of dist/) over an epoch of pictures of bench/data/pictures.ts at 64x64. Linux alone tells it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('npx tsx bench/data/memory.ts DIR, of bench/data/pictures.ts');
const work = mkdtempSync(join(tmpdir(), 'ampc-memory-'));
const file = join(work, 'pictures.amp');
writeFileSync(
  file,
  `dataset folder("pictures") { size(64) normalize(mean: 0.5, std: 0.25) random_resized_crop flip }

model Small(image: dataset.shape) -> [dataset.classes] {
  image |> conv2d(8, kernel: 3, stride: 2) as conv1 |> relu |> global_avg_pool |> linear(dataset.classes) as fc
}

precision { compute fp32 }

train { optimizer sgd(lr: 0.01)  batch 128  epochs 2 }
`,
);
const args = ['dist/cli/main.js', 'train', file, '--data', resolve(folder), '--backend', 'cpu', '--out', join(work, 'run'), '--json'];
const child = spawn(process.execPath, args, {
  env: { ...process.env, AMPC_CACHE: join(work, 'cache') },
  stdio: ['ignore', 'pipe', 'inherit'],
});

/** MiB of all that is resident, and the most that ever was. */
function resident(): readonly [now: number, peak: number] {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  const of = (name: string): number => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)![1]) / 1024);
  return [of('VmRSS'), of('VmHWM')];
}

console.log('| epoch | step | resident, MiB | highest so far, MiB | images/s | waiting |\n| ---: | ---: | ---: | ---: | ---: | ---: |');
for await (const line of createInterface(child.stdout)) {
  const event = JSON.parse(line) as { event: string; step: number; epoch: number; images_per_second: number; data_share: number };
  if (event.event === 'step' && event.step % 100 === 0) console.log(`| ${event.epoch} | ${event.step} | ${resident().join(' | ')} | | |`);
  if (event.event === 'epoch')
    console.log(`| ${event.epoch} | end | ${resident().join(' | ')} | ${Math.round(event.images_per_second)} | ${event.data_share} |`);
}
rmSync(work, { recursive: true, force: true });
