import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { readSource } from '../src/files/source.js';
import type { PrecisionName } from '../src/ir/types.js';
import { lowerProgram } from '../src/lower/lower.js';
import { CIFAR10 } from '../src/training/data/cifar.js';
import { defaultDataFolder, filesFolder } from '../src/training/data/folder.js';
import { findPython, MALLOC } from './python.js';

const USAGE = `npx tsx bench/zoo-accuracy.ts FILE.jsonl [NETWORK ...] [--data DIR] [--epochs N] [--seeds N] [--precision bf16]
                             [--threads N] [--table]

Trains networks of examples/zoo on CIFAR-10 by their own recipes, with dist/cli/main.js and in PyTorch ($AMPC_BENCH_PYTHON, autocast), each
side from its own initial weights and random numbers. Every run that ends adds a line to FILE.jsonl, and what is there is not run again: it
can be stopped and goes on where it was. --table runs nothing and prints what is there.
`;
const FOLDER = fileURLToPath(new URL('../examples/zoo/', import.meta.url));
const CLI = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const PEER = fileURLToPath(new URL('zoo/accuracy.py', import.meta.url));

/** Those that two epochs are no matter of hours for, the quickest first. */
const NETWORKS = [
  'logistic-regression',
  'lenet-5',
  'mlp',
  'alexnet',
  'convnext-atto',
  'shufflenet-v2',
  'mobilenet-v3-small',
  'network-in-network',
  'mlp-mixer',
  'regnet-x-200mf',
  'convmixer',
  'efficientnet-b0',
  'resnet-18',
];
const SIDES = ['pytorch', 'ampc'] as const;
type Side = (typeof SIDES)[number];

interface Asked {
  readonly network: string;
  readonly side: Side;
  readonly seed: number;
  readonly epochs: number;
  readonly precision: PrecisionName;
}

interface Machine {
  /** Where the images are. */
  readonly data: string;
  readonly threads: number;
}

interface Result {
  /** Share of the test images. */
  readonly accuracy: number;
  readonly loss: number;
  readonly seconds: number;
}

const keyOf = ({ network, side, seed, epochs, precision }: Asked) => [network, side, seed, epochs, precision].join(' ');

async function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { maxBuffer: 2 ** 26, env: { ...process.env, ...env } });
  return stdout;
}

async function trainHere({ network, seed, epochs, precision }: Asked, { data, threads }: Machine): Promise<Result> {
  const out = await mkdtemp(join(tmpdir(), 'ampc-zoo-'));
  try {
    const options = { data, out: join(out, 'run'), epochs, seed, precision, backend: 'cpu', threads };
    const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const lines = (await run(process.execPath, [CLI, 'train', join(FOLDER, `${network}.amp`), ...given, '--json'])).trim().split('\n');
    const events = lines.map((line) => JSON.parse(line));
    const { test_accuracy: accuracy, seconds } = events.find(({ event }) => event === 'done');
    return { accuracy, loss: events.filter(({ event }) => event === 'epoch').at(-1).test_loss, seconds };
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

async function trainThere(python: string, { network, seed, epochs, precision }: Asked, { data, threads }: Machine): Promise<Result> {
  const { recipe } = lowerProgram(await readSource(join(FOLDER, `${network}.amp`)));
  const { optimizer, schedule, batch } = recipe.train;
  // What the peer implements: all of these files have it.
  if (schedule.kind !== 'one_cycle' || (optimizer.kind !== 'sgd' && optimizer.kind !== 'adamw') || optimizer.decayNorms !== false)
    throw new Error(`${network}.amp has a recipe that bench/zoo/accuracy.py does not know`);
  const options = { epochs, batch, seed, precision, threads, optimizer, warmup: schedule.warmup };
  const env = { ...MALLOC, OMP_WAIT_POLICY: 'passive' };
  return JSON.parse(await run(python, [PEER, network, filesFolder(CIFAR10, data), JSON.stringify(options)], env));
}

async function readRuns(file: string): Promise<ReadonlyMap<string, Result>> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return '';
  });
  const lines = text.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => JSON.parse(line) as Asked & Result).map((entry) => [keyOf(entry), entry]));
}

const percent = (share: number) => (100 * share).toFixed(2);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** How far ampc's mean lies outside of what PyTorch's seeds span, in points. */
function outside(here: readonly number[], there: readonly number[]): string {
  const beyond = Math.max(Math.min(...there) - mean(here), mean(here) - Math.max(...there));
  return beyond <= 0 ? 'within' : `${percent(beyond)} ${mean(here) > mean(there) ? 'above' : 'below'}`;
}

function printTable(
  runs: ReadonlyMap<string, Result>,
  networks: readonly string[],
  seeds: number,
  asked: Omit<Asked, 'network' | 'side' | 'seed'>,
) {
  console.log('| network | ampc | PyTorch | mean, ampc | mean, PyTorch | outside of the seeds |');
  console.log('| --- | --- | --- | ---: | ---: | --- |');
  for (const network of networks) {
    const of = (side: Side) =>
      Array.from({ length: seeds }, (_, seed) => runs.get(keyOf({ network, side, seed, ...asked }))).flatMap((run) => run?.accuracy ?? []);
    const [here, there] = [of('ampc'), of('pytorch')];
    if (here.length === 0 || there.length === 0) continue;
    const lists = [here, there].map((values) => values.map(percent).join(', '));
    const means = [here, there].map((values) => percent(mean(values)));
    console.log(`| ${[network, ...lists, ...means, outside(here, there)].join(' | ')} |`);
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      data: { type: 'string', default: defaultDataFolder() },
      epochs: { type: 'string', default: '2' },
      seeds: { type: 'string', default: '3' },
      precision: { type: 'string', default: 'bf16' },
      threads: { type: 'string', default: '2' },
      table: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [file, ...named] = positionals;
  if (values.help || file === undefined) {
    console.log(USAGE);
    return;
  }
  const networks = named.length > 0 ? named : NETWORKS;
  const seeds = Number(values.seeds);
  const machine = { data: values.data, threads: Number(values.threads) };
  const asked = { epochs: Number(values.epochs), precision: values.precision as PrecisionName };
  if (values.table) return printTable(await readRuns(file), networks, seeds, asked);
  const python = await findPython();
  if (python.command === undefined) throw new Error(`${python.reason}; set AMPC_BENCH_PYTHON`);
  for (const network of networks) {
    for (let seed = 0; seed < seeds; seed += 1) {
      for (const side of SIDES) {
        const one: Asked = { network, side, seed, ...asked };
        if ((await readRuns(file)).has(keyOf(one))) continue;
        const result = side === 'ampc' ? await trainHere(one, machine) : await trainThere(python.command, one, machine);
        await appendFile(file, `${JSON.stringify({ ...one, ...result })}\n`);
        console.log(`${keyOf(one)}: ${percent(result.accuracy)} % in ${result.seconds.toFixed(0)} s`);
      }
    }
  }
}

await main();
