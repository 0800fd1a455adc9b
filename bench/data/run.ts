/**
 * Data pipelines beside PyTorch's: images a second of the pipeline alone, and of training ResNet-18 with it. The sides are processes of
 * their own and take turns.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Peer } from '../peer.js';
import { findPython, MALLOC } from '../python.js';
import { type Contestant, takeTurns } from '../rounds.js';
import { median } from '../statistics.js';

export interface DataMessage {
  readonly program: string;
  readonly batch: number;
  readonly precision: 'fp32' | 'bf16';
  readonly threads: number;
  readonly workers: number;
  /** Where the data is: a folder of ampc's `--data`. */
  readonly data: string;
  /** Without decoded pictures in the cache, each time. */
  readonly isFirst: boolean;
}

export interface DataReply {
  readonly ms: readonly number[];
  /** Of it, waiting for batches. */
  readonly wait_ms: number;
}

const { values } = parseArgs({
  options: {
    folder: { type: 'string' },
    cifar: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    batches: { type: 'string', default: '40' },
    'training-batches': { type: 'string', default: '4' },
    precision: { type: 'string', default: 'fp32' },
    workers: { type: 'string', default: '2' },
    'no-training': { type: 'boolean', default: false },
  },
});
const [rounds, batches, trainingBatches, workers] = [values.rounds, values.batches, values['training-batches'], values.workers].map(
  Number,
) as [number, number, number, number];
const { folder, cifar, precision } = values;
if (folder === undefined && cifar === undefined)
  throw new Error(
    'npx tsx bench/data/run.ts --folder DIR --cifar DIR: pictures of bench/data/pictures.ts, and what holds cifar-10-batches-bin',
  );

const BATCH = 128;
const threads = availableParallelism();
const NORMALIZE = 'normalize(mean: [0.4914, 0.4822, 0.4465], std: [0.2470, 0.2435, 0.2616])';
/** Next to nothing is computed: what it takes counts as ampc's pipeline. */
const NOTHING = `model Nothing(image: dataset.shape) -> [10] {
  image |> global_avg_pool |> linear(10) as fc
}

precision { compute fp32 }

train { optimizer sgd(lr: 0.001)  batch ${BATCH}  epochs 1 }
`;
const resnet = (side: number): string => {
  const text = readFileSync('examples/resnet18.amp', 'utf8');
  return text.slice(text.indexOf('# Two 3x3')).replace('[32, 32, 3]', `[${side}, ${side}, 3]`);
};

interface DataSet {
  readonly name: string;
  readonly dataset: string;
  readonly side: number;
  readonly data: string;
  readonly torch: object;
  readonly isDecoded: boolean;
}

const sets: DataSet[] = [];
if (cifar !== undefined)
  sets.push({
    name: 'CIFAR-10: flip, crop, cutout',
    dataset: `dataset cifar10 { ${NORMALIZE} flip crop(padding: 4) cutout(16) }`,
    side: 32,
    data: resolve(cifar),
    torch: { set: 'cifar', folder: join(resolve(cifar), 'cifar-10-batches-bin') },
    isDecoded: false,
  });
if (folder !== undefined)
  sets.push({
    name: 'JPEGs of 256x256 at 64x64: random_resized_crop, flip',
    dataset: `dataset folder("pictures") { size(64) ${NORMALIZE} random_resized_crop flip }`,
    side: 64,
    data: resolve(folder),
    torch: { set: 'folder', folder: join(resolve(folder), 'train') },
    isDecoded: true,
  });

const python = await findPython();
const cache = mkdtempSync(join(tmpdir(), 'ampc-bench-'));
const log = (text: string): void => console.error(text);
const milliseconds = (ms: readonly number[], images: number): string => `${Math.round((1000 * images) / median(ms))}`;

async function compare(set: DataSet, trains: boolean): Promise<void> {
  const peers: Peer[] = [];
  const waits = new Map<string, number[]>();
  const count = trains ? trainingBatches : batches;
  const contestant = (label: string, peer: Peer): Contestant => ({
    label,
    steps: count,
    run: async (steps) => {
      const reply = await peer.request<DataReply>({ command: 'run', steps });
      waits.set(label, [...(waits.get(label) ?? []), reply.wait_ms / reply.ms[0]!]);
      return reply;
    },
  });
  try {
    const sides: Contestant[] = [];
    const program = `${set.dataset}\n\n${trains ? resnet(set.side) : NOTHING}`;
    const common = { batch: BATCH, threads, workers, precision: trains ? precision : 'fp32' };
    for (const isFirst of set.isDecoded ? [true, false] : [false]) {
      const label = set.isDecoded ? `ampc, ${isFirst ? 'decoding' : 'from the cache'}` : 'ampc';
      const own = join(cache, String(peers.length));
      const peer = new Peer(label, process.execPath, ['--import=tsx', 'bench/data/ampc-peer.ts'], {
        AMPC_CACHE: own,
        AMPC_DECODE_FIRST: '0 B',
        AMPC_IMAGE_CACHE: '50 GB',
      });
      peers.push(peer);
      await peer.request({ command: 'prepare', program, data: set.data, isFirst, ...common }, 600);
      // Decodes what the timed ones find.
      if (set.isDecoded && !isFirst) for (let i = 0; i < 2; i++) await peer.request({ command: 'run', steps: count });
      sides.push(contestant(label, peer));
    }
    if (python.command !== undefined) {
      const peer = new Peer('PyTorch', python.command, ['bench/data/data_torch.py'], MALLOC);
      peers.push(peer);
      await peer.request({ command: 'prepare', ...set.torch, trains, ...common }, 600);
      sides.push(contestant('PyTorch', peer));
    } else log(`no PyTorch: ${python.reason}`);
    const times = await takeTurns(sides, rounds);
    const reference = times.get('PyTorch')?.ms;
    for (const { label } of sides) {
      const { ms } = times.get(label)!;
      const ratio = reference === undefined || label === 'PyTorch' ? '' : (median(ms) / median(reference)).toFixed(2);
      const wait = `${(100 * median(waits.get(label)!)).toFixed(1)} %`;
      const what = trains ? `training ResNet-18 in ${precision}` : 'pipeline alone';
      console.log(`| ${set.name} | ${what} | ${label} | ${milliseconds(ms, count * BATCH)} | ${ratio} | ${wait} |`);
    }
  } finally {
    for (const peer of peers) await peer.close();
  }
}

console.log('| images | what | side | images/s | of PyTorch’s time | waiting for batches |');
console.log('| --- | --- | --- | ---: | ---: | ---: |');
try {
  for (const set of sets) for (const trains of values['no-training'] ? [false] : [false, true]) await compare(set, trains);
} finally {
  rmSync(cache, { recursive: true, force: true });
}
