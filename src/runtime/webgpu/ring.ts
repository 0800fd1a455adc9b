import type { FunctionLayout, ScalarOutput } from '../../codegen/gpu/layout.js';
import type { DType } from '../../ir/types.js';
import { decode as decodePattern } from '../../numeric/encoding.js';
import type { Scalars } from '../backend.js';
import type { Blocks, Reader } from './buffers.js';

/** Bytes of one call's scalars: sixteen words. */
const SLOT = 64;
const SLOTS = 1024;

/** Scalar results of the calls since the last drain, kept on the device. */
export class ScalarRing {
  readonly #buffer: GPUBuffer;
  readonly #calls: FunctionLayout[] = [];

  constructor(device: GPUDevice) {
    this.#buffer = device.createBuffer({ label: 'scalars', size: SLOT * SLOTS, usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
  }

  get isFull(): boolean {
    return this.#calls.length === SLOTS;
  }

  /** Copies a call's scalars that are states or inputs, before it changes them (`early`), or those that it computes. */
  record(encoder: GPUCommandEncoder, layout: FunctionLayout, blocks: Blocks, when: 'before' | 'after'): void {
    for (const [i, { source }] of layout.scalars.entries()) {
      if (typeof source === 'number') continue;
      const early = source.block === 'states' || source.block === 'inputs';
      if (early !== (when === 'before')) continue;
      const { buffer, offset } = blocks.at(source);
      encoder.copyBufferToBuffer(buffer, offset, this.#buffer, this.#calls.length * SLOT + i * 4, 4);
    }
    if (when === 'after') this.#calls.push(layout);
  }

  /** All scalars, oldest first; the ring is empty then. */
  async drain(reader: Reader): Promise<Scalars[]> {
    const calls = this.#calls.splice(0);
    if (calls.length === 0) return [];
    const [bytes] = await reader.read([{ buffer: this.#buffer, offset: 0, bytes: calls.length * SLOT }]);
    const view = new DataView(bytes!.buffer);
    return calls.map(({ scalars }, call) =>
      Object.fromEntries(scalars.map((scalar, i) => [scalar.name, decode(scalar, view, call * SLOT + i * 4)])),
    );
  }

  destroy(): void {
    this.#buffer.destroy();
  }
}

function decode({ source, dtype }: ScalarOutput, view: DataView, at: number): number {
  return typeof source === 'number' ? source : decodeElement(dtype, view, at);
}

function decodeElement(dtype: DType, view: DataView, at: number): number {
  switch (dtype) {
    case 'f32':
      return view.getFloat32(at, true);
    case 'f16':
      return decodePattern(dtype, view.getUint16(at, true));
    case 'i32':
      return view.getInt32(at, true);
    case 'u8':
    case 'bool':
      return view.getUint32(at, true);
    case 'bf16':
    case 'f8_e4m3':
    case 'f8_e5m2':
      throw new Error(`WGSL has no ${dtype}`);
  }
}
