import type { BackendName } from '../plan/target.js';
import type { Backend } from './backend.js';

export interface BackendEntry {
  readonly summary: string;
  /** Whether it has a `workspace`: it is opened only then to be asked for it. */
  readonly hasWorkspace?: true;
  readonly open: () => Promise<Backend>;
}

/** Opened lazily: each brings native code that the others must not load. */
export const BACKENDS: Readonly<Record<BackendName, BackendEntry>> = {
  cpu: {
    summary: 'C generated for the plan, compiled by the C compiler of this machine',
    hasWorkspace: true,
    open: async () => (await import('./cpu/index.js')).createBackend(),
  },
  webgpu: {
    summary: 'WGSL on any GPU with Vulkan, Metal or D3D12',
    open: async () => (await import('./webgpu/index.js')).createBackend(),
  },
  cuda: {
    summary: 'CUDA C++ for the tensor cores of GPUs of NVIDIA',
    hasWorkspace: true,
    open: async () => (await import('./cuda/index.js')).createBackend(),
  },
  tensorflow: {
    summary: 'operations of TensorFlow, through @tensorflow/tfjs-node',
    open: async () => (await import('./tensorflow/index.js')).createBackend(),
  },
  reference: {
    summary: 'the meaning of a plan in plain TypeScript: slow, needs nothing',
    open: async () => (await import('./reference/index.js')).createBackend(),
  },
};

/** What `auto` tries, in order. */
export const AUTO: readonly BackendName[] = ['cuda', 'webgpu', 'cpu'];

/** What `auto` plans for where nothing can run. */
export const PLANNED: BackendName = 'cpu';
