/** Steps of a tiny network, drained every 50; prints the resident memory in MiB after each tenth of them, its garbage collected. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { compileProgram } from '../../src/compile.js';
import { defaultTarget } from '../../src/plan/target.js';
import { loadPlan } from '../../src/runtime/webgpu/index.js';
import { initialStates } from '../../src/training/states.js';
import { programOf } from '../support/network.js';
import { randomInputs } from '../support/run.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const program = programOf(({ image, call }) => call('linear', call('global_avg_pool', image), { features: 10 }, { as: 'fc' }));
const plan = compileProgram(program, defaultTarget('webgpu'));
const executable = await loadPlan(plan);
await executable.writeStates(initialStates(plan, 0));
const inputs = randomInputs(program, 1);
const memory: number[] = [];
const steps = Number(process.argv[2]);
for (let step = 1; step <= steps; step += 1) {
  await executable.call('train_step', inputs);
  if (step % 50 === 0) await executable.drain();
  if (step % (steps / 10) !== 0) continue;
  collectGarbage();
  memory.push(Math.round(process.memoryUsage().rss / 2 ** 20));
}
await executable.dispose();
process.stdout.write(JSON.stringify(memory));
