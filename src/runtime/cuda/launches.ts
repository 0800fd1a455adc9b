import koffi from 'koffi';
import type { CudaFunction, CudaProgram, Launch } from '../../codegen/cuda/emit.js';
import { SUPPORT_THREADS, type SupportKernel } from '../../codegen/cuda/support.js';
import type { Block } from '../../codegen/gpu/layout.js';
import type { Handle } from './calls.js';
import { behind, type Device } from './device.js';
import type { Modules } from './modules.js';

/** A kernel with everything that it is launched with. */
export interface ReadyLaunch {
  readonly kernel: Handle;
  readonly blocks: number;
  readonly threads: number;
  /** Addresses of the values, which lie in `values`. */
  readonly parameters: BigUint64Array;
  readonly values: readonly BigUint64Array[];
}

/** A launch of the plan's: its first value is the number of its first block. */
export interface PlanLaunch extends ReadyLaunch, Pick<Launch, 'ranges' | 'stores'> {}

/** Where each block of a plan's memory is on the device. */
export type BlockAddresses = Readonly<Record<Block, Handle>>;

function ready(kernel: Handle, blocks: number, threads: number, values: readonly BigUint64Array[]): ReadyLaunch {
  return { kernel, blocks, threads, values, parameters: BigUint64Array.from(values, (value) => BigInt(koffi.address(value))) };
}

/** Values of a launch, each in 64 bits, of which a kernel reads as many as its parameter has; of a table, all of its words. */
export function valuesOf({ places, tables }: Pick<Launch, 'places' | 'tables'>, at: BlockAddresses): BigUint64Array[] {
  const addressOf = ({ block, offset }: Launch['places'][number]) => BigInt(behind(at[block], offset));
  return [
    new BigUint64Array(1),
    ...places.map((place) => BigUint64Array.of(addressOf(place))),
    ...tables.map((table) => {
      const own = new BigUint64Array(table.places.length + Math.ceil(table.words.length / 2));
      own.set(table.places.map(addressOf));
      new Uint32Array(own.buffer, 8 * table.places.length).set(table.words);
      return own;
    }),
  ];
}

/** The launches of a function that is ready. */
export function launchesOf({ launches }: CudaFunction, { kernels }: CudaProgram, modules: Modules, at: BlockAddresses): PlanLaunch[] {
  return launches.map((launch) => ({
    ...ready(modules.kernel(launch.kernel), launch.blocks, kernels[launch.kernel]!.threads, valuesOf(launch, at)),
    ranges: launch.ranges,
    stores: launch.stores,
  }));
}

/** A launch of a kernel of the host side. */
export function supportLaunch(modules: Modules, name: SupportKernel, blocks: number, parameters: readonly Handle[]): ReadyLaunch {
  const values = parameters.map((parameter) => BigUint64Array.of(BigInt(parameter)));
  return ready(modules.kernel(name), blocks, SUPPORT_THREADS[name], values);
}

export function issue(device: Device, launches: readonly ReadyLaunch[]): void {
  for (const { kernel, blocks, threads, parameters } of launches) device.launch(kernel, blocks, threads, parameters);
}

/** Some blocks of a launch. Those that end last do what is to be done behind all of them. */
export function issueRange(device: Device, { kernel, threads, parameters, values }: PlanLaunch, first: number, blocks: number): void {
  const [number] = values as [BigUint64Array];
  number[0] = BigInt(first);
  device.launch(kernel, blocks, threads, parameters);
  number[0] = 0n;
}
