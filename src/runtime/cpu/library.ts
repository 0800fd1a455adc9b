import type { CSource } from '../../codegen/c/emit.js';
import type { FunctionLayout, OutputSlot } from '../../codegen/c/layout.js';
import { seriesOutputs, seriesRates } from '../../codegen/c/series.js';
import { byteLength } from '../../ir/types.js';
import { widen } from '../../numeric/encoding.js';
import type { BatchSelection, Inputs, Scalars, SeriesCall } from '../backend.js';
import { packRates } from '../selection.js';
import { type NativePlan, workspaceBytes } from './native.js';
import { packSeries } from './series.js';

export interface IndexedFunction {
  readonly index: number;
  readonly layout: FunctionLayout;
}

/** The scalar outputs of a call, by name. */
function scalarsOf({ scalars }: FunctionLayout, outputs: Float64Array): Scalars {
  return Object.fromEntries(scalars.map((scalar, i) => [scalar, outputs[i]!]));
}

/**
 * The functions of one library, with the block that their inputs are copied to and the one that their scalars come from. One call at a
 * time.
 */
export class LoadedLibrary {
  readonly #functions: ReadonlyMap<string, IndexedFunction>;
  /** The inputs of the running call, in its function's layout. */
  readonly #inputs: Uint8Array;
  readonly #outputs: Float64Array;

  constructor(
    readonly source: CSource,
    readonly native: NativePlan,
  ) {
    this.#functions = new Map(source.functions.map((layout, index) => [layout.name, { index, layout }]));
    this.#inputs = new Uint8Array(Math.max(64, ...source.functions.map(({ inputBytes }) => inputBytes)));
    this.#outputs = new Float64Array(seriesOutputs(source.functions));
  }

  /** Bytes beside states and the plan's arena. */
  get workspace(): number {
    return workspaceBytes(this.source, this.native.size);
  }

  find(name: string): IndexedFunction | undefined {
    return this.#functions.get(name);
  }

  /** Runs a function; `trace` and the result are those of `ampc_call`. */
  async call({ index, layout }: IndexedFunction, inputs: Inputs, trace: number): Promise<{ result: number; scalars: Scalars }> {
    for (const [name, slot] of layout.inputs) {
      const given = inputs[name];
      if (given === undefined) throw new Error(`input ${name} of ${layout.name} is missing`);
      if (given.byteLength !== byteLength(slot.type))
        throw new Error(`input ${name} has ${given.byteLength} bytes, not ${byteLength(slot.type)}`);
      this.#inputs.set(new Uint8Array(given.buffer, given.byteOffset, given.byteLength), slot.offset);
    }
    const result = await this.native.call(index, this.#inputs, this.#outputs, trace);
    return { result, scalars: scalarsOf(layout, this.#outputs) };
  }

  /** Runs calls of this library's functions in a row; the scalars and the seconds of each. */
  async series(
    batches: BatchSelection,
    calls: readonly SeriesCall[],
    functions: readonly IndexedFunction[],
  ): Promise<{ scalars: Scalars[]; seconds: number[]; dataSeconds: number }> {
    const width = this.#outputs.length;
    const outputs = new Float64Array(calls.length * width);
    const { images, labels } = batches.source;
    const { order, places } = batches;
    const { request, draws, mixes, ops, rows, blank, calls: packed } = packSeries(batches, calls, functions);
    const rates = packRates(calls, seriesRates(this.source.functions));
    const source = [images, labels, order, places?.own ?? null, places?.others ?? null] as const;
    await this.native.series(request, ...source, draws, mixes, ops, rows, blank, packed, rates, this.#inputs, outputs);
    return {
      scalars: functions.map(({ layout }, i) => scalarsOf(layout, outputs.subarray(i * width))),
      seconds: calls.map((_, i) => outputs[(i + 1) * width - 1]!),
      dataSeconds: calls.reduce((sum, _, i) => sum + outputs[(i + 1) * width - 2]!, 0),
    };
  }

  /** A tensor output of the last call. */
  read({ type, block, offset }: OutputSlot): Float32Array {
    const bytes = new Uint8Array(byteLength(type));
    if (block === 'arena') this.native.readArena(offset, bytes);
    else if (block === 'states') this.native.readState(offset, bytes);
    else bytes.set(this.#inputs.subarray(offset, offset + bytes.length));
    return widen(type.dtype, bytes);
  }
}
