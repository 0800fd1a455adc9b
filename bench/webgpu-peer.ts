/** One side of `webgpu.ts`: answers JSON lines on stdin, see peer.ts. */

import { makeInputs } from '../src/costs/inputs.js';
import { compile } from '../src/index.js';
import { loadPlan } from '../src/runtime/webgpu/index.js';
import { initialStates } from '../src/training/states.js';
import { answerLines } from './answer-lines.js';
import { startPeer, type WebGpuPeer } from './webgpu-peers.js';

export interface WebGpuPrepare {
  readonly side: 'ampc' | WebGpuPeer;
  readonly precision: 'fp32' | 'fp16';
  readonly batch: number;
  readonly warmup: number;
}

export interface KernelTimes {
  readonly kernels: readonly { readonly group: string; readonly ms: number }[];
}

type Step = () => Promise<unknown>;

async function startAmpc({
  batch,
  precision,
}: WebGpuPrepare): Promise<{ readonly step: Step; readonly kernels: () => Promise<KernelTimes> }> {
  const { plan, program } = await compile('examples/simple-cnn.amp', { backend: 'webgpu', batch, precision });
  const executable = await loadPlan(plan);
  await executable.writeStates(initialStates(plan, 0));
  const inputs = makeInputs(plan, 'train_step', program.recipe.classes);
  return {
    step: async () => {
      await executable.call('train_step', inputs);
      await executable.drain();
    },
    kernels: async () => {
      const times = await executable.profile('train_step', inputs);
      return { kernels: times.map(({ group, seconds }) => ({ group, ms: seconds * 1e3 })) };
    },
  };
}

let step: Step | undefined;
let kernels: (() => Promise<KernelTimes>) | undefined;

async function answer(message: { readonly command: string; readonly steps: number } & WebGpuPrepare): Promise<object> {
  if (message.command === 'prepare') {
    if (message.side === 'ampc') ({ step, kernels } = await startAmpc(message));
    else step = await startPeer(message.side, message.batch);
    const started = performance.now();
    await step();
    const first_ms = performance.now() - started;
    for (let i = 1; i < message.warmup; i += 1) await step();
    return { first_ms };
  }
  if (message.command === 'kernels' && kernels !== undefined) return kernels();
  if (message.command !== 'run' || step === undefined) throw new Error(`cannot ${message.command} now`);
  const ms: number[] = [];
  await step();
  for (let i = 0; i < message.steps; i += 1) {
    const started = performance.now();
    await step();
    ms.push(performance.now() - started);
  }
  return { ms };
}

await answerLines(answer);
