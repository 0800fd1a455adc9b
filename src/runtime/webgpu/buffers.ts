import type { WgslProgram } from '../../codegen/wgsl/emit.js';
import type { Block } from '../../codegen/wgsl/layout.js';
import type { WgslLimits } from '../../codegen/wgsl/target.js';
import { userError } from '../../diagnostics/diagnostic.js';

const MIB = 2 ** 20;

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / MIB)} MiB`;
}

/** Refuses a plan that the device's limits cannot hold, with the sizes. Throws UserError. */
export function checkSizes({ memory, functions }: WgslProgram, { bufferBytes, bindingBytes }: WgslLimits): void {
  const fix = 'use a smaller batch';
  for (const [what, bytes] of Object.entries(memory)) {
    if (bytes > bufferBytes)
      throw userError(
        'AMP6034',
        `the plan's ${what} take ${mebibytes(bytes)}`,
        `the GPU's largest buffer is ${mebibytes(bufferBytes)}`,
        fix,
      );
  }
  for (const { groups } of functions) {
    for (const { group, dispatches } of groups) {
      const largest = Math.max(0, ...dispatches.flatMap(({ bindings }) => bindings.map(({ place }) => place.bytes)));
      if (largest > bindingBytes)
        throw userError(
          'AMP6034',
          `a tensor of ${group.name} takes ${mebibytes(largest)}`,
          `the GPU binds at most ${mebibytes(bindingBytes)} at once`,
          fix,
        );
    }
  }
}

/** The plan's four buffers, zeroed. Throws UserError when the device has too little memory. */
export async function allocateBlocks(device: GPUDevice, { memory }: WgslProgram): Promise<Readonly<Record<Block, GPUBuffer>>> {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const create = (label: string, bytes: number) => device.createBuffer({ label, size: Math.max(256, Math.ceil(bytes / 4) * 4), usage });
  device.pushErrorScope('out-of-memory');
  const blocks = {
    states: create('states', memory.states),
    inputs: create('inputs', memory.inputs),
    arena: create('arena', memory.arena),
    work: create('workspace', memory.workspace),
  };
  const error = await device.popErrorScope();
  if (error !== null) {
    const total = memory.states + memory.inputs + memory.arena + memory.workspace;
    throw userError(
      'AMP6035',
      `the GPU has no ${mebibytes(total)} of memory free`,
      error.message,
      'use a smaller batch, or close other programs that use the GPU',
    );
  }
  return blocks;
}

/** Copies parts of buffers to the host. Each call is one round trip to the device. */
export class Reader {
  /** Round trips so far. */
  count = 0;

  constructor(private readonly device: GPUDevice) {}

  async read(parts: readonly { readonly buffer: GPUBuffer; readonly offset: number; readonly bytes: number }[]): Promise<Uint8Array[]> {
    const { device } = this;
    const sizes = parts.map(({ bytes }) => Math.ceil(bytes / 4) * 4);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (total === 0) return parts.map(() => new Uint8Array(0));
    this.count += 1;
    const staging = device.createBuffer({ label: 'readback', size: total, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    try {
      const encoder = device.createCommandEncoder();
      let at = 0;
      const starts = parts.map(({ buffer, offset }, i) => {
        encoder.copyBufferToBuffer(buffer, offset, staging, at, sizes[i]!);
        at += sizes[i]!;
        return at - sizes[i]!;
      });
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const all = new Uint8Array(staging.getMappedRange().slice(0));
      staging.unmap();
      return parts.map(({ bytes }, i) => all.slice(starts[i]!, starts[i]! + bytes));
    } finally {
      staging.destroy();
    }
  }
}
