import type { Graph } from '../ir/types.js';
import { furtherBuffers, rateInputs, targetBuffer } from './states.js';

/** One set of input buffers; `busy` settles when the call that reads them no longer does. */
export interface Slot {
  readonly image: Uint8Array;
  readonly label: Int32Array;
  readonly target: Float32Array | undefined;
  readonly further: Readonly<Record<string, Float32Array>>;
  /** Learning rates by the inputs that have them. */
  readonly rates: Readonly<Record<string, Float32Array>>;
  readonly step: Int32Array;
  busy: Promise<void>;
}

export function makeSlot(imageBytes: number, batch: number, graph: Graph): Slot {
  return {
    image: new Uint8Array(batch * imageBytes),
    label: new Int32Array(batch),
    target: targetBuffer(graph),
    further: furtherBuffers(graph),
    rates: rateInputs(graph, 0),
    step: new Int32Array(1),
    busy: Promise.resolve(),
  };
}
