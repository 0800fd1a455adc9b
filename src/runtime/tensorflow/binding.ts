import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { findPackage, moduleFolders } from '../packages.js';

/** An attribute of a TensorFlow operation, as the addon takes it; `type` is a TF_AttrType of the C API. */
export interface OpAttr {
  readonly name: string;
  readonly type: number;
  readonly value: number | boolean | string | readonly number[];
}

/** A tensor on the device. The addon keeps it until `deleteTensor(id)`. */
export interface Tensor {
  readonly id: number;
  readonly shape: readonly number[];
  /** A DataType of the C API. */
  readonly dtype: number;
}

/** The part of the native addon of @tensorflow/tfjs-node that is used here. */
export interface TfjsBinding {
  readonly TF_Version: string;
  createTensor(shape: readonly number[], dtype: number, elements: Float32Array | Int32Array | Uint8Array): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  getNumOfTensors(): number;
  executeOp(name: string, attrs: readonly OpAttr[], inputs: readonly number[], outputs: number): Tensor[];
  isUsingGpuDevice(): boolean;
}

export interface LocatedBinding {
  readonly path: string;
  /** The package, or the variable that names the addon. */
  readonly origin: string;
}

export type BindingSearch = LocatedBinding | { readonly reason: string };

/** In the order in which they are tried. */
const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

export const HOW_TO_INSTALL =
  'either `npm install @tensorflow/tfjs-node-gpu` (TensorFlow 2.9 for CUDA 11.2 and cuDNN 8.1; `@tensorflow/tfjs-node` without a GPU), ' +
  'or build its addon against a TensorFlow of your own and set AMPC_TFJS_BINDING to its tfjs_binding.node (docs/tensorflow.md)';

/** Where the addon is: `AMPC_TFJS_BINDING`, else the GPU package, else the other one; or why there is none. Loads nothing. */
export function findBinding(env: NodeJS.ProcessEnv = process.env, folders = moduleFolders(undefined, env)): BindingSearch {
  const named = env.AMPC_TFJS_BINDING;
  if (named !== undefined && named !== '') {
    const path = resolve(named);
    if (!path.endsWith('.node')) return { reason: `AMPC_TFJS_BINDING names ${path}, not a tfjs_binding.node` };
    return existsSync(path) ? { path, origin: 'AMPC_TFJS_BINDING' } : { reason: `AMPC_TFJS_BINDING names ${path}, which does not exist` };
  }
  const incomplete: string[] = [];
  for (const name of PACKAGES) {
    const folder = findPackage(name, folders);
    if (folder === undefined) continue;
    const path = join(folder, 'lib', 'napi-v8', 'tfjs_binding.node');
    if (existsSync(path)) return { path, origin: name };
    incomplete.push(`${name} is installed without its native addon (its install script did not run or could not download it)`);
  }
  return { reason: incomplete.length > 0 ? incomplete.join('; ') : 'no TensorFlow.js is installed' };
}

/**
 * Loads the addon, which makes TensorFlow look for its devices once. Quiet unless TF_CPP_MIN_LOG_LEVEL is set. f32 means f32: without the
 * default of NVIDIA_TF32_OVERRIDE, GPUs would round the operands of f32 contractions to 10 bits of fraction.
 * Throws what the loader throws when the addon or a library of it does not load.
 */
export function loadBinding({ path }: LocatedBinding): TfjsBinding {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  process.env.NVIDIA_TF32_OVERRIDE ??= '0';
  return createRequire(import.meta.url)(path) as TfjsBinding;
}
