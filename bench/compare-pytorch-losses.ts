import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { type BackendName, compile, PRECISIONS, type PrecisionName, train } from '../src/index.js';
import { CIFAR10 } from '../src/training/data/cifar.js';
import { defaultDataFolder, filesFolder } from '../src/training/data/folder.js';
import { writeSafetensors } from '../src/training/safetensors.js';
import { initialStates, modelStates } from '../src/training/states.js';
import { findPython } from './python.js';

const USAGE = `npx tsx bench/compare-pytorch-losses.ts [--data DIR] [--steps N] [--seed N] [--policy mixed|autocast] [--backend NAME]

Trains examples/simple-cnn.amp and the same network in PyTorch ($AMPC_BENCH_PYTHON) from the same weights on the first batches of
CIFAR-10, in their order, and prints by how much the losses differ. The last two lines compare PyTorch with itself: they show how far
roundings alone carry two runs apart.
`;
const BATCH = 64;
const EXAMPLE = fileURLToPath(new URL('../examples/simple-cnn.amp', import.meta.url));
const PEER = fileURLToPath(new URL('losses_torch.py', import.meta.url));
/** Runs of PyTorch's side that are compared with its own fp32 run. */
const VARIANTS = { 'fp32-nudged': 'weights moved by 1 ulp', 'fp32-native': 'without oneDNN' } as const;

interface Comparison {
  readonly steps: number;
  readonly seed: number;
  readonly data: string;
  readonly policy: 'mixed' | 'autocast';
  readonly backend: BackendName;
}

function count(text: string, option: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`--${option}: ${text} is no whole number`);
  return Number(text);
}

function readArguments(): Comparison | undefined {
  const { values } = parseArgs({
    options: {
      data: { type: 'string', default: defaultDataFolder() },
      steps: { type: 'string', default: '50' },
      seed: { type: 'string', default: '0' },
      policy: { type: 'string', default: 'mixed' },
      backend: { type: 'string', default: 'cpu' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { data, policy, backend } = values;
  if (policy !== 'mixed' && policy !== 'autocast') throw new Error(`--policy: ${policy} is neither mixed nor autocast`);
  return { data, policy, backend: backend as BackendName, steps: count(values.steps, 'steps'), seed: count(values.seed, 'seed') };
}

async function writeInitialWeights(path: string, { seed, backend }: Comparison): Promise<void> {
  const { plan } = await compile(EXAMPLE, { backend, precision: 'fp32' });
  const states = initialStates(plan, seed);
  await writeSafetensors(path, new Map(modelStates(plan).map(({ name, shape }) => [name, { shape, data: states.get(name)! }])));
}

async function trainHere(precision: PrecisionName, init: string, out: string, options: Comparison): Promise<number[]> {
  const losses: number[] = [];
  const { data, policy, backend, seed, steps: maxSteps } = options;
  const fixed = { batch: BATCH, shuffle: false, augment: false, logEvery: 1 };
  await train(EXAMPLE, {
    ...{ ...fixed, data, policy, backend, seed, maxSteps, precision, init, out },
    onEvent: (event) => {
      if (event.event === 'step') losses.push(event.loss);
    },
  });
  return losses;
}

async function trainInPyTorch(python: string, weights: string, { data, steps }: Comparison) {
  const images = join(filesFolder(CIFAR10, data), CIFAR10.files.train[0]!);
  const args = [PEER, weights, images, String(BATCH), String(steps), ...PRECISIONS, ...Object.keys(VARIANTS)];
  const { stdout } = await promisify(execFile)(python, args, { maxBuffer: 2 ** 24 });
  return JSON.parse(stdout) as { torch: string; losses: Record<string, readonly number[]> };
}

function describeDeviation(title: string, losses: readonly number[], expected: readonly number[]): string {
  const deviations = losses.map((loss, step) => Math.abs(loss / expected[step]! - 1));
  const largest = Math.max(...deviations);
  const mean = deviations.reduce((sum, value) => sum + value, 0) / deviations.length;
  const cells = [deviations[0]!, mean, largest].map((value) => value.toExponential(1).padStart(9));
  return `${title.padEnd(38)}${cells.join('')}${String(deviations.indexOf(largest) + 1).padStart(9)}`;
}

async function main(): Promise<void> {
  const options = readArguments();
  if (options === undefined) {
    console.log(USAGE);
    return;
  }
  const python = await findPython();
  if (python.command === undefined) throw new Error(`${python.reason}; set AMPC_BENCH_PYTHON`);
  const folder = await mkdtemp(join(tmpdir(), 'ampc-losses-'));
  try {
    const weights = join(folder, 'init.safetensors');
    await writeInitialWeights(weights, options);
    const { torch, losses } = await trainInPyTorch(python.command, weights, options);
    console.log(
      `PyTorch ${torch}, ${options.backend}, policy ${options.policy}, ${options.steps} steps of ${BATCH} images, seed ${options.seed}`,
    );
    console.log(
      `relative deviation of the loss${'first'.padStart(17)}${'mean'.padStart(9)}${'largest'.padStart(9)}${'at step'.padStart(9)}`,
    );
    for (const precision of PRECISIONS) {
      const here = await trainHere(precision, weights, join(folder, precision), options);
      console.log(describeDeviation(`ampc ${precision} to PyTorch ${precision}`, here, losses[precision]!));
    }
    for (const [run, title] of Object.entries(VARIANTS)) {
      console.log(describeDeviation(`PyTorch fp32, ${title}`, losses[run]!, losses.fp32!));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
