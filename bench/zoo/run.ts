import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compileToRun } from '../../src/choose/plan-file.js';
import { readSource } from '../../src/files/source.js';
import type { BackendName } from '../../src/index.js';
import type { RulePolicy } from '../../src/ir/program.js';
import type { PrecisionName } from '../../src/ir/types.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Executable, InputData } from '../../src/runtime/backend.js';
import { decodeRecords, emptyImageSet, IMAGE_BYTES, RECORD_BYTES } from '../../src/training/data/binary.js';
import type { ImageSet } from '../../src/training/data/dataset.js';
import { writeSafetensors } from '../../src/training/safetensors.js';
import { findFunction, initialStates, inputNames, modelStates, parameterCount, type StateValues } from '../../src/training/states.js';

const PEER = fileURLToPath(new URL('peer.py', import.meta.url));

/** How a network is trained on both sides: SGD on the first images of a file, in their order; those behind them are evaluated. */
export interface ZooRecipe {
  readonly batch: number;
  readonly steps: number;
  readonly rate: number;
  readonly momentum: number;
  readonly threads: number;
}

/** What both sides tell of a run. */
export interface ZooRun {
  readonly losses: readonly number[];
  /** Running means and variances by name. */
  readonly statistics: Readonly<Record<string, readonly number[]>>;
  /** Of the images behind those that were trained on. */
  readonly logits: readonly number[];
}

/** Silu and averages in place of what has kinks, where a difference in the last place can flip a whole gradient. */
const SMOOTH: readonly (readonly [RegExp, string])[] = [
  [/\b(relu6?|hardswish)\b/g, 'silu'],
  [/\bhardsigmoid\b/g, 'sigmoid'],
  [/\bmax_pool2d\b/g, 'avg_pool2d'],
];

/** The text of a network without dropout, whose random numbers differ from PyTorch's. */
export async function networkText(path: string, smooth: boolean): Promise<string> {
  const { text } = await readSource(path);
  const still = text.replace(/\b(dropout|drop_path)\([^)]*\)/g, '$1(0)');
  return smooth ? SMOOTH.reduce((changed, [kink, other]) => changed.replace(kink, other), still) : still;
}

/** The first images of one of CIFAR-10's binary files. */
export async function readImages(path: string, count: number): Promise<ImageSet> {
  const set = emptyImageSet(count);
  decodeRecords((await readFile(path)).subarray(0, count * RECORD_BYTES), { labels: 1, label: 0 }, 10, path, set, 0);
  return set;
}

function inputsOf(plan: Plan, name: 'train_step' | 'eval_step', set: ImageSet, first: number, step: number, rate: number) {
  const { batch, graph } = findFunction(plan, name)!;
  const all: Record<string, InputData> = {
    image: set.images.slice(first * IMAGE_BYTES, (first + batch) * IMAGE_BYTES),
    label: set.labels.slice(first, first + batch),
    lr: Float32Array.of(rate),
    step: Int32Array.of(step),
  };
  const wanted = inputNames(graph);
  return Object.fromEntries(Object.entries(all).filter(([input]) => wanted.has(input)));
}

async function trainOn(executable: Executable, plan: Plan, set: ImageSet, { batch, steps, rate }: ZooRecipe): Promise<ZooRun> {
  for (let step = 0; step < steps; step += 1)
    await executable.call('train_step', inputsOf(plan, 'train_step', set, step * batch, step, rate));
  const losses = (await executable.drain()).map(({ loss }) => loss!);
  const names = modelStates(plan).flatMap(({ name, role }) => (role === 'statistic' ? [name] : []));
  const statistics: Record<string, readonly number[]> = {};
  for (const [name, values] of await executable.readStates(names)) statistics[name] = [...values];
  await executable.call('eval_step', inputsOf(plan, 'eval_step', set, steps * batch, 0, rate));
  return { losses, statistics, logits: [...(await executable.readOutput('logits'))] };
}

/** Trains a network here, from weights that depend on the plan's parameters alone. */
export async function trainHere(
  source: { readonly path: string; readonly text: string },
  precision: PrecisionName,
  backendName: BackendName,
  set: ImageSet,
  recipe: ZooRecipe,
  { policy = 'mixed', seed = 0 }: { readonly policy?: RulePolicy; readonly seed?: number } = {},
): Promise<{ readonly run: ZooRun; readonly parameters: number; readonly weights: StateValues; readonly plan: Plan }> {
  // As the peer trains: what a recipe mixes and clips is left out.
  const plain = ['train.schedule=constant', 'train.clip=0', 'dataset.mixup=false', 'dataset.cutmix=false'];
  const settings = [`train.optimizer=sgd(lr: ${recipe.rate}, momentum: ${recipe.momentum})`, `precision.policy=${policy}`, ...plain];
  const options = { backend: backendName, precision, batch: recipe.batch, set: settings };
  const { plan, backend } = await compileToRun(source, options);
  const executable = await backend.load(plan, { threads: recipe.threads });
  try {
    const weights = initialStates(plan, seed);
    await executable.writeStates(weights);
    return { run: await trainOn(executable, plan, set, recipe), parameters: parameterCount(plan), weights, plan };
  } finally {
    await executable.dispose();
  }
}

/** What PyTorch computes in: what is low, under autocast. */
export type PeerFormat = PrecisionName | 'fp64';

/** Trains the PyTorch module of the same name from the same weights. Throws when Python fails. */
export async function trainThere(
  python: string,
  network: string,
  { plan, weights }: { readonly plan: Plan; readonly weights: StateValues },
  folder: string,
  images: string,
  options: ZooRecipe & { readonly smooth: boolean },
  formats: readonly PeerFormat[],
): Promise<{ readonly parameters: number; readonly runs: Readonly<Partial<Record<PeerFormat, ZooRun>>> }> {
  const path = join(folder, 'init.safetensors');
  await writeSafetensors(path, new Map(modelStates(plan).map(({ name, shape }) => [name, { shape, data: weights.get(name)! }])));
  const args = [PEER, network, path, images, JSON.stringify(options), ...formats];
  const { stdout } = await promisify(execFile)(python, args, { maxBuffer: 2 ** 28 });
  return JSON.parse(stdout);
}
