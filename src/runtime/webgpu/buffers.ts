import type { Block, Place } from '../../codegen/gpu/layout.js';
import type { WgslProgram } from '../../codegen/wgsl/emit.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { dawnSays } from './dawn-says.js';
import { mebibytes } from './sizes.js';

/** The plan's blocks on the device: a block that is larger than a buffer may be is several, and no value lies in two. */
export class Blocks {
  constructor(
    private readonly buffers: Readonly<Record<Block, readonly GPUBuffer[]>>,
    private readonly bufferBytes: number,
  ) {}

  /** The buffer that holds a place of a block, and the place's offset there. */
  at({ block, offset }: Pick<Place, 'block' | 'offset'>): { readonly buffer: GPUBuffer; readonly offset: number } {
    return { buffer: this.buffers[block][Math.floor(offset / this.bufferBytes)]!, offset: offset % this.bufferBytes };
  }

  destroy(): void {
    for (const buffer of Object.values(this.buffers).flat()) buffer.destroy();
  }
}

/** All blocks of a plan, zeroed. Throws UserError when the device has too little memory. */
export async function allocateBlocks(device: GPUDevice, { memory, bufferBytes }: WgslProgram): Promise<Blocks> {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const create = (label: string, bytes: number) =>
    Array.from({ length: Math.max(1, Math.ceil(bytes / bufferBytes)) }, (_, i) => {
      const size = Math.min(bufferBytes, bytes - i * bufferBytes);
      return device.createBuffer({ label, size: Math.max(256, Math.ceil(size / 4) * 4), usage });
    });
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
      dawnSays(error.message),
      'use a smaller batch, or close other programs that use the GPU',
    );
  }
  return new Blocks(blocks, bufferBytes);
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
