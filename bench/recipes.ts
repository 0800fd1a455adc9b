import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compile, type PrecisionName, train } from '../src/index.js';
import { divideEpoch, stepsOfRun, stepsPerEpoch } from '../src/ir/epoch.js';
import { CIFAR10 } from '../src/training/data/cifar.js';
import { filesFolder } from '../src/training/data/folder.js';
import { openSplit } from '../src/training/data/open.js';
import { writeSafetensors } from '../src/training/safetensors.js';
import { initialStates, modelStates } from '../src/training/states.js';
import { whitenedStates } from '../src/training/whitening.js';
import { type Comparison, parseComparison } from './options.js';
import { findPython } from './python.js';

const RECIPES = ['airbench94', 'airbench94-half', 'airbench94-muon', 'airbench96', 'resnet18-94'] as const;
const USAGE = `npx tsx bench/recipes.ts [RECIPE ...] [--data DIR] [--batch N] [--steps N] [--precision fp32,bf16,fp16] [--backend NAME]

Trains ${RECIPES.map((name) => `examples/${name}.amp`).join(', ')} and the same networks by the same recipes in PyTorch
($AMPC_BENCH_PYTHON): parameter groups, schedule and averages included, from the same weights on the first images of CIFAR-10 in their
order. Prints by how much the losses differ, and how far fp32 of both is from PyTorch in fp64, which is what they round. The last lines
compare PyTorch's low formats with its fp32, and runs of it whose weights differ by 1 ulp.
`;
const PEER = fileURLToPath(new URL('recipes/peer.py', import.meta.url));

const pathOf = (recipe: string): string => fileURLToPath(new URL(`../examples/${recipe}.amp`, import.meta.url));

/** Writes the weights that both sides start from; the steps of an epoch and of the whole run. */
async function start(recipe: string, weights: string, { batch, data, backend }: Comparison) {
  const { plan, program } = await compile(pathOf(recipe), { backend, precision: 'fp32', batch });
  const { dataset, train: spec } = program.recipe;
  const set = await openSplit(dataset, 'train', { place: data });
  const states = new Map([...initialStates(plan, spec.seed), ...(await whitenedStates(plan, set, dataset))]);
  await writeSafetensors(weights, new Map(modelStates(plan).map(({ name, shape }) => [name, { shape, data: states.get(name)! }])));
  const perEpoch = stepsPerEpoch(divideEpoch(set.count, batch, spec.accumulate, spec.dropLast));
  return { perEpoch, total: stepsOfRun(perEpoch, spec.epochs) };
}

async function trainHere(recipe: string, precision: PrecisionName, init: string, out: string, options: Comparison): Promise<number[]> {
  const losses: number[] = [];
  const { data, backend, batch, steps: maxSteps } = options;
  await train(pathOf(recipe), {
    ...{ data, backend, batch, maxSteps, precision, init, out, shuffle: false, augment: false, logEvery: 1 },
    onEvent: (event) => {
      if (event.event === 'step') losses.push(event.loss);
    },
  });
  return losses;
}

function describeDeviation(title: string, losses: readonly number[], expected: readonly number[]): string {
  const deviations = losses.map((loss, step) => Math.abs(loss / expected[step]! - 1));
  const largest = Math.max(...deviations);
  const early = Math.max(...deviations.slice(0, 10));
  const mean = deviations.reduce((sum, value) => sum + value, 0) / deviations.length;
  const cells = [deviations[0]!, early, mean, largest].map((value) => value.toExponential(1).padStart(9));
  return `${title.padEnd(44)}${cells.join('')}${String(deviations.indexOf(largest) + 1).padStart(9)}`;
}

async function compare(recipe: string, python: string, folder: string, options: Comparison): Promise<void> {
  const { batch, steps, data, precisions } = options;
  const weights = join(folder, `${recipe}.safetensors`);
  const length = await start(recipe, weights, options);
  const images = join(filesFolder(CIFAR10, data), CIFAR10.files.train[0]!);
  const runs = [...new Set(['fp32', ...precisions, 'fp64', 'fp32-nudged'])];
  const told = JSON.stringify({ batch, steps, per_epoch: length.perEpoch, total: length.total, threads: 2 });
  const { stdout } = await promisify(execFile)(python, [PEER, recipe, weights, images, told, ...runs], { maxBuffer: 2 ** 24 });
  const there = JSON.parse(stdout) as Readonly<Record<string, readonly number[]>>;
  for (const precision of precisions) {
    const here = await trainHere(recipe, precision, weights, join(folder, `${recipe}-${precision}`), options);
    console.log(describeDeviation(`${recipe}: ampc ${precision} to PyTorch ${precision}`, here, there[precision]!));
    if (precision === 'fp32') console.log(describeDeviation(`${recipe}: ampc fp32 to PyTorch fp64`, here, there.fp64!));
  }
  console.log(describeDeviation(`${recipe}: PyTorch fp32 to its fp64`, there.fp32!, there.fp64!));
  const others = runs.filter((run) => run !== 'fp32' && run !== 'fp64');
  for (const run of others) console.log(describeDeviation(`${recipe}: PyTorch ${run} to its fp32`, there[run]!, there.fp32!));
}

async function main(): Promise<void> {
  const options = parseComparison(process.argv.slice(2), RECIPES, { batch: 64, steps: 50, precisions: ['fp32', 'bf16'] });
  if (options === undefined) {
    console.log(USAGE);
    return;
  }
  const python = await findPython();
  if (python.command === undefined) throw new Error(`${python.reason}; set AMPC_BENCH_PYTHON`);
  console.log(`PyTorch ${python.torch}, ${options.backend}, ${options.steps} steps of ${options.batch} images`);
  const columns = ['first', 'ten', 'mean', 'largest', 'at step'].map((title) => title.padStart(9));
  console.log(`${'relative deviation of the loss'.padEnd(44)}${columns.join('')}`);
  const folder = await mkdtemp(join(tmpdir(), 'ampc-recipes-'));
  try {
    for (const recipe of options.names) await compare(recipe, python.command, folder, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
