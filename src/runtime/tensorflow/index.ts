import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { userError } from '../../diagnostics/diagnostic.js';
import { isStorage } from '../../numeric/formats.js';
import type { Plan } from '../../plan/plan.js';
import { defaultTarget, type PlanTarget } from '../../plan/target.js';
import { checkAttributes } from '../attributes.js';
import type { Backend, BackendInfo } from '../backend.js';
import { refuseFormats } from '../refuse-formats.js';
import { ATTRIBUTES } from './attributes.js';
import { findBinding, HOW_TO_INSTALL, type LocatedBinding, loadBinding, type TfjsBinding } from './binding.js';
import { TensorflowExecutable } from './executable.js';

export { findBinding } from './binding.js';
export { TensorflowExecutable } from './executable.js';

export interface TensorflowOptions {
  /** Run contractions of half operands in half kernels; by default only a GPU does. */
  readonly nativeHalf?: boolean;
  /** Call kernels of oneDNN by their internal names; by default on a processor, unless TF_ENABLE_ONEDNN_OPTS is 0. */
  readonly internalKernels?: boolean;
}

/** The first TensorFlow with bf16 kernels for GPUs throughout; older ones run some operations on the processor and say nothing. */
const BF16_ON_GPU = [2, 13] as const;

/** What plans for a binding on a GPU, or on none, are made for. */
export function targetOf(version: string, onGpu: boolean): PlanTarget {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const old = major < BF16_ON_GPU[0] || (major === BF16_ON_GPU[0] && minor < BF16_ON_GPU[1]);
  const target = defaultTarget('tensorflow');
  return onGpu && old ? { ...target, low: target.low.filter((format) => format !== 'bf16') } : target;
}

/** Model of the first GPU that NVIDIA's driver lists; undefined without the driver. */
function nvidiaGpu(): string | undefined {
  const folder = '/proc/driver/nvidia/gpus';
  if (!existsSync(folder)) return undefined;
  for (const gpu of readdirSync(folder)) {
    const model = /^Model:\s*(.+)$/m.exec(readFileSync(join(folder, gpu, 'information'), 'utf8'))?.[1];
    if (model !== undefined) return model.trim();
  }
  return undefined;
}

/** Why no GPU is used, as far as that can be seen from outside TensorFlow. */
function whyNoGpu({ origin }: LocatedBinding): string {
  const gpu = nvidiaGpu();
  if (gpu === undefined) return 'no: this machine has no NVIDIA driver';
  if (origin === '@tensorflow/tfjs-node') return `no: ${origin} has no GPU support; @tensorflow/tfjs-node-gpu has`;
  return `no: TensorFlow cannot use the ${gpu}; TF_CPP_MIN_LOG_LEVEL=0 shows why (usually its CUDA or cuDNN libraries are missing)`;
}

function open(): { binding: TfjsBinding; located: LocatedBinding } {
  const located = findBinding();
  if ('reason' in located) throw userError('AMP6040', 'the tensorflow backend needs TensorFlow.js', located.reason, HOW_TO_INSTALL);
  try {
    return { binding: loadBinding(located), located };
  } catch (error) {
    throw userError(
      'AMP6042',
      'the native addon of TensorFlow.js does not load',
      `${located.path}: ${(error as Error).message}`,
      HOW_TO_INSTALL,
    );
  }
}

async function probe(): Promise<BackendInfo> {
  const located = findBinding();
  const name = 'tensorflow';
  if ('reason' in located) return { name, available: false, target: defaultTarget(name), reason: `${located.reason}; ${HOW_TO_INSTALL}` };
  let binding: TfjsBinding;
  try {
    binding = loadBinding(located);
  } catch (error) {
    return {
      name,
      available: false,
      target: defaultTarget(name),
      reason: `${located.path} does not load: ${(error as Error).message}; ${HOW_TO_INSTALL}`,
    };
  }
  const onGpu = binding.isUsingGpuDevice();
  const device = onGpu ? (nvidiaGpu() ?? 'GPU') : (cpus()[0]?.model.trim() ?? 'processor');
  return {
    name,
    available: true,
    device: `${device}, TensorFlow ${binding.TF_Version}`,
    software: !onGpu,
    target: targetOf(binding.TF_Version, onGpu),
    details: { addon: `${located.path} (${located.origin})`, GPU: onGpu ? 'yes' : whyNoGpu(located) },
  };
}

function usesBf16(plan: Plan): boolean {
  return plan.functions.some(({ graph }) => graph.nodes.some(({ type }) => type.dtype === 'bf16'));
}

function load(plan: Plan, options: TensorflowOptions): TensorflowExecutable {
  refuseFormats(plan, 'tensorflow', (dtype) => !isStorage(dtype));
  checkAttributes(plan, 'tensorflow', ATTRIBUTES);
  const { binding } = open();
  const onGpu = binding.isUsingGpuDevice();
  if (usesBf16(plan) && !targetOf(binding.TF_Version, onGpu).low.includes('bf16')) {
    throw userError(
      'AMP6042',
      `TensorFlow ${binding.TF_Version} lacks bf16 on a GPU`,
      'it would run a part of the operations on the processor',
      `use fp16, or a TensorFlow from ${BF16_ON_GPU.join('.')} on (docs/tensorflow.md)`,
    );
  }
  const { nativeHalf = onGpu, internalKernels = !onGpu && process.env.TF_ENABLE_ONEDNN_OPTS !== '0' } = options;
  return new TensorflowExecutable(plan, binding, { nativeHalf, internalKernels });
}

/** Plans as operations of TensorFlow, through the native addon of TensorFlow.js. */
export function createBackend(options: TensorflowOptions = {}): Backend {
  return { name: 'tensorflow', probe, load: async (plan) => load(plan, options) };
}
