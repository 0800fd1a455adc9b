/** ampc's side: answers JSON lines on stdin, see peer.ts. */

import { compileToRun } from '../src/choose/plan-file.js';
import { prepareRow, timeInRows } from '../src/costs/rows.js';
import { mean } from '../src/costs/timing.js';
import { readSource } from '../src/files/source.js';
import { divideEpoch } from '../src/ir/epoch.js';
import { elementCount } from '../src/ir/types.js';
import { summarizePlan } from '../src/measure/summary.js';
import { breathe } from '../src/platform/system.js';
import type { Executable } from '../src/runtime/backend.js';
import { Batcher } from '../src/training/data/batcher.js';
import type { ImageSet } from '../src/training/data/dataset.js';
import { initialStates } from '../src/training/states.js';
import { Stepper } from '../src/training/stepper.js';
import { answerLines } from './answer-lines.js';
import type { Prepare, RunReply } from './peer.js';
import { median } from './statistics.js';

/** Steps between two looks at the results, as `ampc train` has it. */
const LOG_EVERY = 50;

const LEARNING_RATE = 1e-3;

/** How often steps without the data pipeline are timed before and after the epochs. */
const BARE_REPEATS = 3;

function noise(count: number, shape: readonly number[], classes: number): ImageSet {
  const images = new Uint8Array(count * elementCount(shape));
  for (let i = 0; i < images.length; i += 1) images[i] = (Math.imul(i, 2654435761) >>> 13) & 255;
  return { images, labels: Int32Array.from({ length: count }, (_, i) => (Math.imul(i, 40503) >>> 7) % classes), count, shape };
}

async function timeEach(repeats: number, work: () => Promise<void>): Promise<number[]> {
  const ms: number[] = [];
  for (let i = 0; i < repeats; i += 1) {
    const started = performance.now();
    await work();
    ms.push(performance.now() - started);
  }
  return ms;
}

type Run = (repeats: number) => Promise<RunReply>;

interface Prepared {
  readonly reply: object;
  readonly run: Run;
  close(): Promise<void>;
}

async function prepare(options: Prepare): Promise<Prepared> {
  const { model, kind, batch, precision, threads, warmup, backend: named = 'cpu', row: length = 10 } = options;
  const source = await readSource(`examples/${model}.amp`);
  const { plan, program, backend, info } = await compileToRun(source, { backend: named, precision, batch });
  const { classes, inputShape, train } = program.recipe;
  if (train.optimizer.kind !== options.optimizer)
    throw new Error(`examples/${model}.amp trains with ${train.optimizer.kind}, not ${options.optimizer}`);
  const executable: Executable = await backend.load(plan, { threads });
  await executable.writeStates(initialStates(plan, train.seed));
  const name = kind === 'eval' ? 'eval_step' : 'train_step';
  const summary = summarizePlan(plan);
  const { flops } = summary.functions.find((fn) => fn.name === name)!;
  const row = prepareRow(executable, plan, [name], classes);
  let run: Run;
  let batches = 1;
  if (warmup > 0) await row(warmup);
  if (kind === 'epoch') {
    const set = noise(options.images, inputShape, classes);
    const batcher = new Batcher(set, { seed: train.seed, shuffle: true, augment: [{ kind: 'flip' }, { kind: 'crop', padding: 4 }] });
    batches = Math.min(options.batches, Math.floor(set.count / batch));
    const bareSteps = Math.min(batches, LOG_EVERY);
    const bare = async (): Promise<number[]> => {
      const ms: number[] = [];
      for (let i = 0; i < BARE_REPEATS; i += 1) ms.push(mean(await row(bareSteps)));
      return ms;
    };
    const stepper = new Stepper({
      executable,
      plan,
      batcher,
      division: divideEpoch(batches * batch, batch, 1, true),
      rates: () => ({ lr: LEARNING_RATE }),
    });
    let next = 0;
    const epoch = async (): Promise<void> => {
      for (let done = 0; done < batches; ) {
        const steps = await stepper.enqueue(next, Math.min(batches - done, LOG_EVERY - (done % LOG_EVERY)));
        done += steps;
        next += steps;
        await breathe();
        if (done % LOG_EVERY === 0) await stepper.drain();
      }
      await stepper.drain();
    };
    run = async (repeats) => {
      // On both sides of the epochs: the speed of a machine that others use drifts.
      const before = await bare();
      const ms = await timeEach(repeats, epoch);
      return { ms, step_ms: median([...before, ...(await bare())]) };
    };
  } else {
    run = async (repeats) => {
      await row(1);
      return { ms: await timeInRows(row, repeats, length) };
    };
  }
  const arena = Math.max(...summary.functions.map((fn) => fn.arenaBytes));
  const reply = {
    device: info.device,
    compiler: info.details?.compiler,
    compile_ms: executable.compileMs,
    flops: flops * batches,
    batches,
    memory: { forecast: summary.stateBytes + arena + ((await backend.workspace?.(plan, { threads })) ?? 0), ...executable.memory },
  };
  return { reply, run, close: () => executable.dispose() };
}

let current: Prepared | undefined;
await answerLines<{ readonly command: string; readonly steps: number } & Prepare>(async (message) => {
  if (message.command === 'run' && current !== undefined) return current.run(message.steps);
  if (message.command !== 'prepare') throw new Error(`cannot ${message.command} now`);
  // A device may not hold both.
  await current?.close();
  current = undefined;
  current = await prepare(message);
  return current.reply;
});
