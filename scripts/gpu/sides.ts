import { join } from 'node:path';
import { Peer, type Prepare } from '../../bench/peer.js';
import { GPU_BACKENDS, type GpuBackend, type Machine } from './machine.js';
import type { Settings } from './settings.js';
import { type GpuWork, ROW, TORCH_MODES, TORCH_TITLES, type TorchMode } from './works.js';

const BENCH = join(import.meta.dirname, '../../bench');

/** Seconds that a side may take to get ready: torch.compile of a large network takes a minute or more. */
const READY_SECONDS: Readonly<Record<GpuBackend | TorchMode, number>> = {
  cuda: 90,
  webgpu: 60,
  eager: 60,
  graph: 60,
  compile: 150,
  'compile-graph': 150,
};

const WARMUP = 20;

/** WebGPU has no bf16. */
const PRECISION: Readonly<Record<GpuBackend, Pick<Partial<Prepare>, 'precision'>>> = { cuda: {}, webgpu: { precision: 'fp16' } };

/** One of those that are compared: a process that goes from work to work, and is started again after a failure. */
export class Side {
  #peer: Peer | undefined;

  constructor(
    readonly label: string,
    readonly readySeconds: number,
    private readonly start: () => Peer,
    private readonly also: Readonly<Record<string, string>>,
    private readonly settings: Settings,
  ) {}

  /** Resolves to what the side says of itself. Rejects where it fails or takes too long; it has ended then. */
  async prepare(work: GpuWork, seconds: number): Promise<{ readonly note?: string | null }> {
    const { model, optimizer, batch, precision, steps } = work;
    const message: Prepare = {
      ...{ model, optimizer, batch, precision, kind: 'step', threads: this.settings.threads, images: 0, batches: 1 },
      ...{ warmup: this.settings.quick ? 1 : WARMUP, row: Math.min(ROW, steps) },
    };
    this.#peer ??= this.start();
    return this.#orEnd(this.#peer.prepare({ ...message, ...this.also }, seconds));
  }

  async run(steps: number, seconds: number): Promise<readonly number[]> {
    if (this.#peer === undefined) throw new Error(`${this.label} is not ready`);
    return (await this.#orEnd(this.#peer.run(steps, seconds))).ms;
  }

  async close(): Promise<void> {
    const peer = this.#peer;
    this.#peer = undefined;
    await peer?.close();
  }

  async #orEnd<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      await this.close();
      throw error;
    }
  }
}

/** Those that this machine can run. */
export function sidesOf({ python, backends, noTorch }: Machine, settings: Settings): readonly Side[] {
  const own = GPU_BACKENDS.filter((name) => backends[name] === undefined).map((backend) => {
    const start = () => new Peer(`ampc ${backend}`, process.execPath, ['--import', 'tsx', join(BENCH, 'ampc-peer.ts')]);
    return new Side(`ampc ${backend}`, READY_SECONDS[backend], start, { backend, ...PRECISION[backend] }, settings);
  });
  if (noTorch !== undefined || python.command === undefined) return own;
  const { command } = python;
  // On a processor there are no graphs, and the script is only tried.
  const modes: readonly TorchMode[] = settings.torch === 'cpu' ? ['eager'] : TORCH_MODES;
  const others = modes.map((mode) => {
    const label = TORCH_TITLES[mode];
    const start = () => new Peer(label, command, ['-u', join(BENCH, 'torch_gpu.py')]);
    return new Side(label, READY_SECONDS[mode], start, { mode, device: settings.torch }, settings);
  });
  return [...own, ...others];
}
