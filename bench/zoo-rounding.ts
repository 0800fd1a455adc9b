import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { RulePolicy } from '../src/ir/program.js';
import type { PrecisionName } from '../src/ir/types.js';
import { CIFAR10 } from '../src/training/data/cifar.js';
import { defaultDataFolder, filesFolder } from '../src/training/data/folder.js';
import { findPython } from './python.js';
import { networkText, readImages, trainHere, trainThere, type ZooRecipe, type ZooRun } from './zoo/run.js';

const USAGE = `npx tsx bench/zoo-rounding.ts NETWORK ... [--data DIR] [--batch N] [--steps N] [--seeds N] [--rate R]

How far bf16 is from fp32 in networks of examples/zoo, here under both policies and in PyTorch: for each seed of the weights the root mean
square of what it changes in the logits of a batch behind so many steps, over that of the logits, and the relative change of each loss.
`;
const FOLDER = fileURLToPath(new URL('../examples/zoo/', import.meta.url));

const rootMeanSquare = (values: readonly number[]) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);

function line(name: string, seed: number, what: string, low: ZooRun, full: ZooRun): string {
  const change = rootMeanSquare(low.logits.map((value, i) => value - full.logits[i]!)) / rootMeanSquare(full.logits);
  const losses = low.losses.map((loss, i) => (loss / full.losses[i]! - 1).toExponential(1).padStart(8));
  return `${name.padEnd(22)}${String(seed).padStart(3)}  ${what.padEnd(16)}${change.toExponential(2)}  ${losses.join(' ')}`;
}

interface Options extends ZooRecipe {
  readonly python: string;
  readonly images: string;
}

async function compare(name: string, seed: number, folder: string, { python, images, ...recipe }: Options): Promise<void> {
  const path = join(FOLDER, `${name}.amp`);
  const source = { path, text: await networkText(path, false) };
  const set = await readImages(images, recipe.batch * (recipe.steps + 1));
  const here = (precision: PrecisionName, policy: RulePolicy) => trainHere(source, precision, 'cpu', set, recipe, { policy, seed });
  const full = await here('fp32', 'mixed');
  for (const policy of ['mixed', 'autocast'] as const)
    console.log(line(name, seed, `ampc, ${policy}`, (await here('bf16', policy)).run, full.run));
  const { runs } = await trainThere(python, name, full, folder, images, { ...recipe, smooth: false }, ['fp32', 'bf16']);
  console.log(line(name, seed, 'PyTorch', runs.bf16!, runs.fp32!));
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      data: { type: 'string', default: defaultDataFolder() },
      batch: { type: 'string', default: '8' },
      steps: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '3' },
      rate: { type: 'string', default: '0.01' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || positionals.length === 0) {
    console.log(USAGE);
    return;
  }
  const python = await findPython();
  if (python.command === undefined) throw new Error(`${python.reason}; set AMPC_BENCH_PYTHON`);
  const [batch, steps, rate] = [Number(values.batch), Number(values.steps), Number(values.rate)];
  const images = join(filesFolder(CIFAR10, values.data), CIFAR10.files.train[0]!);
  const options: Options = { python: python.command, images, batch, steps, rate, momentum: 0.9, threads: 2 };
  const folder = await mkdtemp(join(tmpdir(), 'ampc-zoo-'));
  try {
    for (const name of positionals) for (let seed = 0; seed < Number(values.seeds); seed += 1) await compare(name, seed, folder, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
