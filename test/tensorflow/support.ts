import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Context } from 'mocha';
import type { Plan } from '../../src/plan/plan.js';
import { findBinding, loadBinding } from '../../src/runtime/tensorflow/binding.js';
import { createBackend, type TensorflowExecutable, type TensorflowOptions } from '../../src/runtime/tensorflow/index.js';
import { skip } from '../support/skip.js';

/** Where scripts/install-tensorflow.sh puts the addon. */
const BUILT = fileURLToPath(
  new URL('../../.peers/tensorflow/node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node', import.meta.url),
);

/** Takes the addon built in this checkout unless another one is named. */
export function useBuiltAddon(): void {
  if (process.env.AMPC_TFJS_BINDING === undefined && existsSync(BUILT)) process.env.AMPC_TFJS_BINDING = BUILT;
}

/** Skips where there is no addon. */
export async function requireTensorflow(context: Context): Promise<void> {
  useBuiltAddon();
  const { available, reason } = await createBackend().probe();
  if (!available) skip(context, `no TensorFlow library: ${reason}`);
}

export async function loadTensorflow(plan: Plan, options: TensorflowOptions = {}): Promise<TensorflowExecutable> {
  return (await createBackend(options).load(plan)) as TensorflowExecutable;
}

/** Whether the addon that `requireTensorflow` found uses a GPU. */
export function usesGpu(): boolean {
  const located = findBinding();
  return 'path' in located && loadBinding(located).isUsingGpuDevice();
}
