import { RING } from '../../codegen/cuda/support.js';
import type { FunctionLayout, ScalarOutput } from '../../codegen/gpu/layout.js';
import type { DType } from '../../ir/types.js';
import { decode as decodePattern } from '../../numeric/encoding.js';
import type { Scalars } from '../backend.js';
import type { Handle } from './calls.js';
import { behind, type Device } from './device.js';

const WORD = 4;

/** Bytes of the ring: the number of calls, then the words of each. */
const BYTES = (RING.calls + 1) * RING.words * WORD;

/** Scalar results of the calls since the last drain, kept on the device. Each call's graph adds its own. */
export class ScalarRing {
  readonly address: Handle;
  readonly #calls: FunctionLayout[] = [];
  #counted = 0;

  constructor(private readonly device: Device) {
    this.address = device.allocate(BYTES);
  }

  /** How many calls may still come before it has to be drained. */
  get room(): number {
    return RING.calls - this.#calls.length;
  }

  /** Says that a call of that function was issued. */
  add(layout: FunctionLayout): void {
    this.#calls.push(layout);
  }

  /** All scalars, oldest first; the ring is empty then. */
  async drain(): Promise<Scalars[]> {
    const calls = this.#calls.splice(0);
    if (calls.length === 0) return [];
    const first = this.#counted;
    this.#counted += calls.length;
    const bytes = await this.device.read(behind(this.address, RING.words * WORD), BYTES - RING.words * WORD);
    const view = new DataView(bytes.buffer);
    return calls.map(({ scalars }, i) => {
      const at = ((first + i) % RING.calls) * RING.words * WORD;
      return Object.fromEntries(scalars.map((scalar, k) => [scalar.name, decode(scalar, view, at + k * WORD)]));
    });
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
    case 'bf16':
      return decodePattern(dtype, view.getUint16(at, true));
    case 'i32':
      return view.getInt32(at, true);
    case 'u8':
      return view.getUint8(at);
    case 'bool':
      return view.getUint32(at, true);
    case 'f8_e4m3':
    case 'f8_e5m2':
      throw new Error(`CUDA C++ has no ${dtype}`);
  }
}

/** Of each scalar the address of its word, or 0: those that are states or inputs are kept before a call changes them, the others behind. */
export function scalarAddresses(layout: FunctionLayout, at: Readonly<Record<string, Handle>>, when: 'before' | 'after'): readonly Handle[] {
  const { scalars, name } = layout;
  if (scalars.length > RING.words) throw new Error(`${name} has ${scalars.length} scalar outputs, of which a call keeps ${RING.words}`);
  return scalars.map(({ source }) => {
    if (typeof source === 'number') return 0;
    const early = source.block === 'states' || source.block === 'inputs';
    return early === (when === 'before') ? behind(at[source.block]!, source.offset) : 0;
  });
}
