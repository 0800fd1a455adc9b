import { furtherName } from '../ir/graph-names.js';
import type { FunctionName, Plan } from '../plan/plan.js';
import type { Executable, ImageSource, SeriesCall } from '../runtime/backend.js';
import { findFunction, rateInputs } from '../training/states.js';
import { BENCH_RATE, makeInputs } from './inputs.js';

/**
 * Makes the functions' calls in turn, `repeats` times in a row, and resolves to the milliseconds of each time, the wait for the device
 * included.
 */
export type Row = (repeats: number) => Promise<readonly number[]>;

/**
 * Calls of `functions`, all of one batch size, on one batch that is in memory, made as a training run makes them: several in a row where
 * the device can (what starting the row costs is shared out evenly), else one after another, each waited for.
 */
export function prepareRow(executable: Executable, plan: Plan, functions: readonly FunctionName[], classes: number): Row {
  const calls = functions.map((fn) => ({ fn, inputs: makeInputs(plan, fn, classes) }));
  const last = calls.at(-1)!.inputs;
  const { batch, graph } = findFunction(plan, functions.at(-1)!)!;
  const isFurther = Object.keys(last).some((name) => furtherName(name) !== undefined);
  if (executable.series === undefined || isFurther)
    return async (repeats) => {
      const times: number[] = [];
      for (let i = 0; i < repeats; i += 1) {
        const started = performance.now();
        for (const { fn, inputs } of calls) await executable.call(fn, inputs);
        await executable.drain();
        times.push(performance.now() - started);
      }
      return times;
    };
  const image = graph.nodes.find(({ attrs }) => attrs.name === 'image')!;
  const source: ImageSource = { images: last.image as Uint8Array, labels: Int32Array.from(last.label!), shape: image.type.shape.slice(1) };
  return async (repeats) => {
    const rates = Object.fromEntries(
      plan.functions.flatMap((fn) => Object.keys(rateInputs(fn.graph, 0))).map((name) => [name, BENCH_RATE]),
    );
    const series = Array.from({ length: repeats }, (_, step) => functions.map((fn): SeriesCall => ({ fn, rates, step }))).flat();
    const order = Uint32Array.from({ length: series.length * batch }, (_, place) => place % batch);
    const started = performance.now();
    const seconds = await executable.series!({ source, order, augment: undefined }, series);
    await executable.drain();
    const times = Array.from({ length: repeats }, (_, i) =>
      seconds.slice(i * functions.length, (i + 1) * functions.length).reduce((sum, one) => sum + 1000 * one, 0),
    );
    const shared = (performance.now() - started - times.reduce((sum, ms) => sum + ms, 0)) / repeats;
    return times.map((ms) => ms + shared);
  };
}

/** Steps of a row. */
const ROW = 10;

/** Milliseconds of each of `steps` times, in rows of so many. */
export async function timeInRows(row: Row, steps: number, length = ROW): Promise<readonly number[]> {
  const times: number[] = [];
  while (times.length < steps) times.push(...(await row(Math.min(length, steps - times.length))));
  return times;
}
