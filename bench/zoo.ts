import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BackendName } from '../src/index.js';
import type { PrecisionName } from '../src/ir/types.js';
import { CIFAR10 } from '../src/training/data/cifar.js';
import { filesFolder } from '../src/training/data/folder.js';
import { parseComparison } from './options.js';
import { findPython } from './python.js';
import { networkText, type PeerFormat, readImages, trainHere, trainThere, type ZooRecipe, type ZooRun } from './zoo/run.js';

const USAGE = `npx tsx bench/zoo.ts [NETWORK ...] [--data DIR] [--batch N] [--steps N] [--rate R] [--backend NAME]
                     [--precision fp32,bf16,fp16] [--double]

Trains each network of examples/zoo and the same network in PyTorch ($AMPC_BENCH_PYTHON), from the same weights on the first images of
CIFAR-10, and prints a table of how far they are apart:
  first, five: loss of the first step, largest of the first five, relative, fp32
  smooth:      largest of all steps, with silu and average pools in place of relu and max pools, fp32
  stats, eval: running statistics and logits after all steps of the smooth network, largest difference over the largest value, of means
               over the deviation where that is larger
  ampc-64, torch-64: with --double, how far the smooth losses of ampc and of PyTorch, in fp32, are from PyTorch's in fp64
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

interface NetworkComparison extends ZooRecipe {
  readonly python: string;
  readonly images: string;
  readonly backend: BackendName;
  /** What is trained besides fp32. */
  readonly low: readonly PrecisionName[];
  /** Whether PyTorch also trains in fp64, which both round. */
  readonly double: boolean;
}

async function compareNetwork(name: string, folder: string, options: NetworkComparison): Promise<string> {
  const { python, images, backend, low, double, ...recipe } = options;
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
  const smoothFormats: readonly PeerFormat[] = double ? ['fp32', 'fp64'] : ['fp32'];
  const { runs } = await trainThere(python, name, smooth, folder, images, { ...recipe, smooth: true }, smoothFormats);
  const smoothPeer = runs.fp32!;
  const { losses } = peer.runs.fp32!;
  const cells = [
    cell(difference(exact.run.losses[0]!, losses[0]!)),
    cell(largestOf(exact.run.losses, losses, 5)),
    cell(largestOf(smooth.run.losses, smoothPeer.losses)),
    cell(statisticsApart(smooth.run, smoothPeer)),
    cell(apart(smooth.run.logits, smoothPeer.logits)),
    ...(runs.fp64 === undefined ? [] : [smooth.run, smoothPeer].map((run) => cell(largestOf(run.losses, runs.fp64!.losses)))),
  ];
  for (const precision of low) {
    const { run } = await here(precision, false);
    cells.push(`${cell(largestOf(run.losses, losses, 5))} (${largestOf(peer.runs.bf16!.losses, losses, 5).toExponential(1)})`);
  }
  return `${name.padEnd(22)}${exact.parameters.toLocaleString('en').padStart(12)}${cells.join('')}`;
}

async function main(): Promise<void> {
  const all = (await readdir(FOLDER)).filter((file) => file.endsWith('.amp')).map((file) => basename(file, '.amp'));
  const own = { rate: { type: 'string' }, double: { type: 'boolean' } } as const;
  const told = parseComparison(process.argv.slice(2), all, { batch: 16, steps: 20, precisions: ['fp32', 'bf16', 'fp16'] }, own);
  if (told === undefined) {
    console.log(USAGE);
    return;
  }
  const { names, data, batch, steps, backend, precisions } = told;
  const python = await findPython();
  if (python.command === undefined) throw new Error(`${python.reason}; set AMPC_BENCH_PYTHON`);
  const options: NetworkComparison = {
    python: python.command,
    images: join(filesFolder(CIFAR10, data), CIFAR10.files.train[0]!),
    backend,
    low: precisions.filter((precision) => precision !== 'fp32'),
    double: told.own.double === true,
    batch,
    steps,
    rate: Number(told.own.rate ?? 0.01),
    momentum: 0.9,
    threads: 2,
  };
  console.log(`PyTorch ${python.torch}, ${backend}, ${steps} steps of ${batch} images, SGD at ${options.rate}`);
  const doubles = options.double ? ['ampc-64', 'torch-64'] : [];
  const titles = ['first', 'five', 'smooth', 'stats', 'eval', ...doubles].map((title) => title.padStart(9));
  const lowTitles = options.low.map((title) => title.padStart(9).padEnd(19));
  console.log(`${''.padEnd(22)}${'parameters'.padStart(12)}${[...titles, ...lowTitles].join('')}`);
  const folder = await mkdtemp(join(tmpdir(), 'ampc-zoo-'));
  try {
    for (const name of names) {
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
