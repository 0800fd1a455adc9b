import { fileURLToPath } from 'node:url';
import type { Options } from './options.js';
import { Peer, type Prepare } from './peer.js';
import { MALLOC, type Python } from './python.js';
import { type Contestant, takeTurns } from './rounds.js';
import { summarize, type Timing } from './statistics.js';
import { isLarge, type Precision, peerSteps, type Work } from './works.js';

const AMPC_PEER = fileURLToPath(new URL('ampc-peer.ts', import.meta.url));
const TORCH_PEER = fileURLToPath(new URL('torch_peer.py', import.meta.url));

/** As many as CIFAR-10 has for training. */
export const IMAGES = 50_000;
const QUICK_IMAGES = 640;

export interface TensorMemory {
  /** What is said before: the plan's states and largest arena, the backend's workspace. */
  readonly forecast: number;
  readonly states: number;
  readonly arena: number;
  readonly workspace: number;
}

/** Timings of one work in one precision. */
export interface Measurement {
  readonly work: Work;
  readonly precision: Precision;
  /** In milliseconds. */
  readonly ampc: Timing;
  /** The faster of its modes; undefined when none was timed. */
  readonly torch: (Timing & { readonly mode: string }) | undefined;
  /** ampc in fp32, in the same turns, where the goal is against that. */
  readonly own: Timing | undefined;
  /** Operations of the convolutions and matrix products, of one repetition. */
  readonly flops: number;
  readonly memory: TensorMemory;
  readonly device: string;
  /** Of `epoch`: what the data pipeline adds to the time of the steps alone, as a share of the epoch. */
  readonly pipeline: number | undefined;
  /** Modes of PyTorch that were not timed, and why. */
  readonly notes: readonly string[];
}

interface Ready {
  readonly device: string;
  readonly flops: number;
  readonly batches: number;
  readonly memory: TensorMemory;
}

export function startAmpc(label = 'ampc'): Peer {
  return new Peer(label, process.execPath, ['--import', 'tsx', AMPC_PEER]);
}

export function startTorch(command: string, mode: string, threads: number, env: Readonly<Record<string, string>> = MALLOC): Peer {
  return new Peer(`PyTorch ${mode}`, command, ['-u', TORCH_PEER], { OMP_NUM_THREADS: String(threads), ...env });
}

function warmup(work: Work, precision: Precision, quick: boolean, side: 'ampc' | 'torch'): number {
  if (quick || (side === 'torch' && precision === 'fp16')) return 1;
  return isLarge(work) ? 3 : work.kind === 'eval' ? 10 : 20;
}

/** Gets PyTorch ready in each of its modes; a mode that fails is left out with a note. */
async function prepareTorch(python: Python, message: Prepare, options: Options, notes: string[]): Promise<Peer[]> {
  if (python.command === undefined) return [];
  const ready: Peer[] = [];
  for (const mode of options.compile ? ['eager', 'compile'] : ['eager']) {
    const peer = startTorch(python.command, mode, options.threads);
    try {
      await peer.prepare({ ...message, mode }, mode === 'compile' ? options.compileSeconds : 600);
      ready.push(peer);
    } catch (error) {
      await peer.close();
      notes.push((error as Error).message);
    }
  }
  return ready;
}

/** Times one work in one precision, both sides in turns. Throws when ampc's side fails; PyTorch's failures become notes. */
export async function measure(work: Work, precision: Precision, python: Python, options: Options): Promise<Measurement> {
  const { rounds, threads, quick } = options;
  const message: Prepare = {
    model: work.model,
    optimizer: work.optimizer,
    kind: work.kind,
    batch: quick && isLarge(work) ? 16 : work.batch,
    precision,
    threads,
    warmup: warmup(work, precision, quick, 'ampc'),
    images: quick ? QUICK_IMAGES : IMAGES,
    batches: Number.MAX_SAFE_INTEGER,
  };
  const notes: string[] = [];
  const own = startAmpc();
  const base = work.goals[precision]?.against === 'own fp32' ? startAmpc('ampc fp32') : undefined;
  const peers: Peer[] = [];
  try {
    const ready = await own.prepare<Ready>({ ...message });
    await base?.prepare({ ...message, precision: 'fp32' });
    const steps = options.steps ?? work.steps;
    const theirs = peerSteps(work, precision, steps);
    if (theirs > 0)
      peers.push(...(await prepareTorch(python, { ...message, warmup: warmup(work, precision, quick, 'torch') }, options, notes)));
    const side = (peer: Peer, count: number): Contestant => ({ label: peer.label, steps: count, run: (n) => peer.run(n) });
    const ours = [own, ...(base === undefined ? [] : [base])].map((peer) => side(peer, steps));
    const times = await takeTurns([...ours, ...peers.map((peer) => side(peer, theirs))], rounds);
    const torch = peers
      .map((peer) => ({ ...summarize(times.get(peer.label)!.ms), mode: peer.label.replace('PyTorch ', '') }))
      .sort((a, b) => a.median - b.median)[0];
    const { ms, stepMs } = times.get(own.label)!;
    const ampc = summarize(ms);
    const pipeline = stepMs.length === 0 ? undefined : 1 - (ready.batches * summarize(stepMs).median) / ampc.median;
    const fp32 = base === undefined ? undefined : summarize(times.get(base.label)!.ms);
    return { work, precision, ampc, torch, own: fp32, flops: ready.flops, memory: ready.memory, device: ready.device, pipeline, notes };
  } finally {
    await Promise.all([own, ...(base === undefined ? [] : [base]), ...peers].map((peer) => peer.close()));
  }
}
