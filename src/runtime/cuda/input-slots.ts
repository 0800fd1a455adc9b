import type { FunctionLayout } from '../../codegen/gpu/layout.js';
import { elementCount } from '../../ir/types.js';
import type { Inputs } from '../backend.js';
import type { Handle } from './calls.js';
import type { Device, Pinned } from './device.js';

/** Calls that may be on their way to the device. */
const CALLS_AHEAD = 8;

/** What calls are given, in memory from which the device copies it by itself: a slot is used again when its copy is done. */
export class InputSlots {
  readonly #slots: { readonly pinned: Pinned; readonly done: Handle; isUsed: boolean }[] = [];
  #next = 0;

  constructor(
    private readonly device: Device,
    private readonly bytes: number,
  ) {}

  /** Sends the inputs of a call; they may be changed as soon as it resolves. */
  async fill({ name, inputs, inputBytes }: FunctionLayout, given: Inputs, to: Handle): Promise<void> {
    if (inputBytes === 0) return;
    const { device } = this;
    if (this.#slots.length <= this.#next) this.#slots.push({ pinned: device.pinned(this.bytes), done: device.event(), isUsed: false });
    const slot = this.#slots[this.#next]!;
    if (slot.isUsed) await device.settled(slot.done);
    for (const [input, { type, offset }] of inputs) {
      const data = given[input];
      if (data === undefined) throw new Error(`input ${input} of ${name} is missing`);
      if (data.length !== elementCount(type.shape))
        throw new Error(`input ${input} has ${data.length} elements, not ${elementCount(type.shape)}`);
      slot.pinned.bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    }
    device.copyFrom(slot.pinned, inputBytes, to);
    device.record(slot.done);
    slot.isUsed = true;
    this.#next = (this.#next + 1) % CALLS_AHEAD;
  }

  free(): void {
    for (const { pinned, done } of this.#slots) {
      this.device.forget('freeHost', pinned.address);
      this.device.forget('destroyEvent', done);
    }
  }
}
