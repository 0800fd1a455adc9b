import { userError } from '../diagnostics/diagnostic.js';
import { type BackendName, defaultTarget } from '../plan/target.js';
import type { Backend } from './backend.js';
import type { BackendEntry } from './backends.js';

const REASON = 'it is native code, and this is a browser';

/** Plans for it can be made, and do not run here. */
function elsewhere(name: BackendName): BackendEntry {
  const backend: Backend = {
    name,
    probe: async () => ({ name, available: false, reason: REASON, target: defaultTarget(name) }),
    load: async () => {
      throw userError('AMP6010', `the ${name} backend cannot run here`, REASON, 'choose webgpu, or reference');
    },
  };
  return { summary: `not in a browser: ${REASON}`, open: async () => backend };
}

export const BACKENDS: Readonly<Record<BackendName, BackendEntry>> = {
  cpu: elsewhere('cpu'),
  webgpu: { summary: "WGSL on the browser's WebGPU", open: async () => (await import('./webgpu/index.js')).createBackend() },
  cuda: elsewhere('cuda'),
  tensorflow: elsewhere('tensorflow'),
  reference: {
    summary: 'the meaning of a plan in plain TypeScript: slow, needs nothing',
    open: async () => (await import('./reference/index.js')).createBackend(),
  },
};

export const AUTO: readonly BackendName[] = ['webgpu'];

export const PLANNED: BackendName = 'webgpu';
