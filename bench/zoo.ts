import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { BackendName } from '../src/index.js';
import type { PrecisionName } from '../src/ir/types.js';
import { CIFAR10 } from '../src/training/data/cifar.js';
import { defaultDataFolder, filesFolder } from '../src/training/data/folder.js';
import { findPython } from './python.js';
import { networkText, readImages, trainHere, trainThere, type ZooRecipe, type ZooRun } from './zoo/run.js';

const USAGE = `npx tsx bench/zoo.ts [NETWORK ...] [--data DIR] [--batch N] [--steps N] [--rate R] [--backend NAME]
                     [--precision fp32,bf16,fp16]

Trains each network of examples/zoo and the same network in PyTorch ($AMPC_BENCH_PYTHON), from the same weights on the first images of
CIFAR-10, and prints a table of how far they are apart:
  first, five: loss of the first step, largest of the first five, relative, fp32
  smooth:      largest of all steps, with silu and average pools in place of relu and max pools, fp32
  stats, eval: running statistics and logits after all steps of the smooth network, largest difference over the largest value, of means
               over the deviation where that is larger
  bf16, fp16:  largest deviation of the first five losses from PyTorch's fp32; in brackets that of PyTorch's own bf16
`;
const FOLDER = fileURLToPath(new URL('../examples/zoo/', import.meta.url));

const difference = (a: number, b: number) => Math.abs(a / b - 1);

function largestOf(here: readonly number[], there: readonly number[], steps = there.length): number {
  return Math.max(...there.slice(0, steps).map((value, i) => difference(here[i]!, value)));
}

const largest = (values: readonly number[]) => Math.max(...values.map(Math.abs), 1e-30);

/** Largest difference over the largest value, or over `size`. */
function apart(here: readonly number[], there: readonly number[], size = largest(there)): number {
  return there.reduce((most, value, i) => Math.max(most, Math.abs(here[i]! - value)), 0) / size;
}

/** A mean is compared by the deviation where that is larger: behind a norm without an activation it is 0 but for rounding. */
function statisticsApart(here: ZooRun, there: ZooRun): number {
  const sizeOf = (name: string, values: readonly number[]) => {
    const variance = name.endsWith('mean') ? there.statistics[name.replace(/mean$/, 'var')]! : [];
    return Math.max(largest(values), Math.sqrt(largest(variance)));
  };
  return Math.max(
    0,
    ...Object.entries(there.statistics).map(([name, values]) => apart(here.statistics[name]!, values, sizeOf(name, values))),
  );
}

const cell = (value: number) => value.toExponential(1).padStart(9);

interface Comparison extends ZooRecipe {
  readonly python: string;
  readonly images: string;
  readonly backend: BackendName;
  /** What is trained besides fp32. */
  readonly low: readonly PrecisionName[];
}

async function compareNetwork(name: string, folder: string, options: Comparison): Promise<string> {
  const { python, images, backend, low, ...recipe } = options;
  const set = await readImages(images, recipe.batch * (recipe.steps + 1));
  const here = async (precision: PrecisionName, smooth: boolean) => {
    const path = join(FOLDER, `${name}.amp`);
    return trainHere({ path, text: await networkText(path, smooth) }, precision, backend, set, recipe);
  };
  const exact = await here('fp32', false);
  const formats: readonly PrecisionName[] = low.length > 0 ? ['fp32', 'bf16'] : ['fp32'];
  const peer = await trainThere(python, name, exact, folder, images, { ...recipe, smooth: false }, formats);
  if (peer.parameters !== exact.parameters) throw new Error(`${name} has ${exact.parameters} parameters, PyTorch's has ${peer.parameters}`);
  const smooth = await here('fp32', true);
  const smoothPeer = (await trainThere(python, name, smooth, folder, images, { ...recipe, smooth: true }, ['fp32'])).runs.fp32!;
  const { losses } = peer.runs.fp32!;
  const cells = [
    cell(difference(exact.run.losses[0]!, losses[0]!)),
    cell(largestOf(exact.run.losses, losses, 5)),
    cell(largestOf(smooth.run.losses, smoothPeer.losses)),
    cell(statisticsApart(smooth.run, smoothPeer)),
    cell(apart(smooth.run.logits, smoothPeer.logits)),
  ];
  for (const precision of low) {
    const { run } = await here(precision, false);
    cells.push(`${cell(largestOf(run.losses, losses, 5))} (${largestOf(peer.runs.bf16!.losses, losses, 5).toExponential(1)})`);
  }
  return `${name.padEnd(22)}${exact.parameters.toLocaleString('en').padStart(12)}${cells.join('')}`;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      data: { type: 'string', default: defaultDataFolder() },
      batch: { type: 'string', default: '16' },
      steps: { type: 'string', default: '20' },
      rate: { type: 'string', default: '0.01' },
      backend: { type: 'string', default: 'cpu' },
      precision: { type: 'string', default: 'fp32,bf16,fp16' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const python = await findPython();
  if (python.command === undefined) throw new Error(`${python.reason}; set AMPC_BENCH_PYTHON`);
  const all = (await readdir(FOLDER)).filter((file) => file.endsWith('.amp')).map((file) => basename(file, '.amp'));
  const options: Comparison = {
    python: python.command,
    images: join(filesFolder(CIFAR10, values.data), CIFAR10.files.train[0]!),
    backend: values.backend as BackendName,
    low: (values.precision.split(',') as PrecisionName[]).filter((precision) => precision !== 'fp32'),
    batch: Number(values.batch),
    steps: Number(values.steps),
    rate: Number(values.rate),
    momentum: 0.9,
    threads: 2,
  };
  console.log(`PyTorch ${python.torch}, ${values.backend}, ${values.steps} steps of ${values.batch} images, SGD at ${values.rate}`);
  const titles = ['first', 'five', 'smooth', 'stats', 'eval'].map((title) => title.padStart(9));
  const lowTitles = options.low.map((title) => title.padStart(9).padEnd(19));
  console.log(`${''.padEnd(22)}${'parameters'.padStart(12)}${[...titles, ...lowTitles].join('')}`);
  const folder = await mkdtemp(join(tmpdir(), 'ampc-zoo-'));
  try {
    for (const name of positionals.length > 0 ? positionals : all) {
      try {
        console.log(await compareNetwork(name, folder, options));
      } catch (error) {
        process.exitCode = 1;
        console.log(`${name.padEnd(22)}${(error as Error).message}`);
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
