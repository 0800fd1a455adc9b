import { train } from '../../../src/training/loop.js';
import { FakeExecutable, fakeDataset, fakePlan, fakeRecipe } from './fake.js';

/** Trains in the folder given as argument, says each step, and stands still at step 18, for a parent that kills it there. */
const run = process.argv[2] ?? '';
await train({
  plan: fakePlan(),
  executable: new FakeExecutable(),
  recipe: fakeRecipe(),
  dataset: fakeDataset(),
  run,
  logEvery: 3,
  checkpointSteps: 7,
  onEvent: (event) => {
    if (event.event !== 'step') return;
    process.stdout.write(`step ${event.step}\n`);
    if (event.step === 18) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
});
