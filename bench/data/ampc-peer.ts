/** ampc's side of bench/data/run.ts: answers JSON lines on stdin, see ../peer.ts. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { compileToRun } from '../../src/choose/plan-file.js';
import { divideEpoch } from '../../src/ir/epoch.js';
import { breathe } from '../../src/platform/system.js';
import type { Executable } from '../../src/runtime/backend.js';
import { Batcher } from '../../src/training/data/batcher.js';
import type { ImageSet } from '../../src/training/data/dataset.js';
import { decodePool } from '../../src/training/data/decode-pool.js';
import { choosePlace, openData } from '../../src/training/data/open.js';
import { initialStates } from '../../src/training/states.js';
import { Stepper } from '../../src/training/stepper.js';
import { answerLines } from '../answer-lines.js';
import type { DataMessage, DataReply } from './run.js';

type Run = (batches: number) => Promise<DataReply>;

async function prepare(options: DataMessage): Promise<Run> {
  const { program: text, batch, threads, workers, data } = options;
  const source = { path: join(process.cwd(), 'bench.amp'), text };
  const { plan, program, backend } = await compileToRun(source, { backend: 'cpu', batch, precision: options.precision, threads });
  const { train, dataset } = program.recipe;
  const place = await choosePlace(dataset, data, undefined, source);
  const executable: Executable = await backend.load(plan, { threads });
  await executable.writeStates(initialStates(plan, train.seed));
  const open = async (): Promise<ImageSet> => (await openData(dataset, { place, workers })).train;
  let set = await open();
  const stepperOf = (batches: number) =>
    new Stepper({
      executable,
      plan,
      batcher: new Batcher(set, { seed: train.seed, shuffle: true, augment: dataset.augment, mean: dataset.mean }),
      division: divideEpoch(batches * batch, batch, 1, true),
      rates: () => ({ lr: 1e-3 }),
    });
  return async (batches) => {
    if (options.isFirst) {
      rmSync(join(process.env.AMPC_CACHE!, 'ampc-images'), { recursive: true, force: true });
      set = await open();
    }
    const stepper = stepperOf(batches);
    const started = performance.now();
    for (let done = 0; done < batches; ) {
      done += await stepper.enqueue(done, batches - done);
      await breathe();
    }
    await stepper.drain();
    const reply = { ms: [performance.now() - started], wait_ms: stepper.takeDataMs() };
    // What is read ahead ends before it is the other side's turn.
    await decodePool(workers).run('examine', { decoding: { shape: [], size: undefined }, files: [] }, false);
    return reply;
  };
}

let run: Run | undefined;
await answerLines<{ readonly command: string; readonly steps: number } & DataMessage>(async (message) => {
  if (message.command === 'run' && run !== undefined) return run(message.steps);
  if (message.command !== 'prepare') throw new Error(`cannot ${message.command} now`);
  run = await prepare(message);
  return {};
});
