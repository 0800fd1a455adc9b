import { train } from '../../../src/training/loop.js';
import { FakeExecutable, fakeDataset, fakePlan, fakeRecipe } from './fake.js';

/** Trains slowly in the folder given as argument and says each step, for a parent that kills it. */
const run = process.argv[2] ?? '';
const executable = new FakeExecutable();
executable.delay = 15;
await train({
  plan: fakePlan(),
  executable,
  recipe: fakeRecipe(),
  dataset: fakeDataset(),
  run,
  logEvery: 3,
  checkpointSteps: 7,
  onEvent: (event) => event.event === 'step' && process.stdout.write(`step ${event.step}\n`),
});
