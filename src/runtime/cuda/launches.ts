import koffi from 'koffi';
import type { CudaFunction, CudaProgram } from '../../codegen/cuda/emit.js';
import { SUPPORT_THREADS, type SupportKernel } from '../../codegen/cuda/support.js';
import type { Block } from '../../codegen/gpu/layout.js';
import type { Handle } from './calls.js';
import { behind, type Device } from './device.js';
import type { Modules } from './modules.js';

/** A kernel with everything that it is launched with. */
export interface ReadyLaunch {
  readonly kernel: Handle;
  readonly blocks: readonly [number, number, number];
  readonly threads: number;
  /** Addresses of the values, which lie in `values`. */
  readonly parameters: BigUint64Array;
  readonly values: BigUint64Array;
}

/** Where each block of a plan's memory is on the device. */
export type BlockAddresses = Readonly<Record<Block, Handle>>;

/** Each value has 64 bits, of which a kernel reads as many as its parameter has. */
function ready(kernel: Handle, blocks: ReadyLaunch['blocks'], threads: number, parameters: readonly Handle[]): ReadyLaunch {
  const values = BigUint64Array.from(parameters, BigInt);
  const at = koffi.address(values);
  return { kernel, blocks, threads, values, parameters: values.map((_, i) => at + BigInt(8 * i)) };
}

/** The launches of a function that is ready, by group. */
export function launchesOf(fn: CudaFunction, { kernels }: CudaProgram, modules: Modules, at: BlockAddresses): readonly ReadyLaunch[][] {
  return fn.groups.map(({ dispatches }) =>
    dispatches.map(({ kernel, blocks, bindings }) =>
      ready(
        modules.kernel(kernel),
        blocks,
        kernels[kernel]!.threads,
        bindings.map(({ place }) => behind(at[place.block], place.offset)),
      ),
    ),
  );
}

/** A launch of a kernel of the host side. */
export function supportLaunch(modules: Modules, name: SupportKernel, blocks: number, parameters: readonly Handle[]): ReadyLaunch {
  return ready(modules.kernel(name), [blocks, 1, 1], SUPPORT_THREADS[name], parameters);
}

export function issue(device: Device, launches: readonly ReadyLaunch[]): void {
  for (const { kernel, blocks, threads, parameters } of launches) device.launch(kernel, blocks, threads, parameters);
}
