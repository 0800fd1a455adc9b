import { CUDA_ATTRIBUTES } from '../../codegen/attributes.js';
import { emitCuda, printCuda } from '../../codegen/cuda/emit.js';
import { CUDA_FORMATS } from '../../codegen/cuda/formats.js';
import { userError } from '../../diagnostics/diagnostic.js';
import type { Plan } from '../../plan/plan.js';
import { defaultTarget } from '../../plan/target.js';
import { checkAttributes } from '../attributes.js';
import type { Backend, BackendInfo } from '../backend.js';
import { refuseFormats } from '../refuse-formats.js';
import { findDriver } from './driver.js';

/** Kernels are generated and tested; nothing launches them on a device yet. */
const NO_LAUNCHES = 'ampc writes kernels for CUDA (ampc plan --emit cuda) and does not launch them yet';

async function probe(): Promise<BackendInfo> {
  const none = { name: 'cuda', available: false, target: defaultTarget('cuda') };
  const found = findDriver();
  if ('reason' in found) return { ...none, reason: `${found.reason}, and ${NO_LAUNCHES}` };
  const { version, devices } = found;
  const details = devices.map(({ name, memory, capability }, i): [string, string] => [
    `device ${i}`,
    `${name}, ${(memory / 2 ** 30).toFixed(1)} GiB, compute capability ${capability}`,
  ]);
  return { ...none, reason: NO_LAUNCHES, details: { driver: `CUDA ${version}`, ...Object.fromEntries(details) } };
}

/** Plans as CUDA C++ for NVIDIA's GPUs. */
export function createBackend(): Backend {
  return {
    name: 'cuda',
    probe,
    load: async () => {
      const { reason } = await probe();
      throw userError(
        'AMP6010',
        'the cuda backend cannot run here',
        reason,
        'choose another --backend: `ampc backends` shows what can run here',
      );
    },
  };
}

/** The CUDA C++ of a plan; it is the same on every machine. Throws UserError for what its kernels do not implement. */
export function emitPlan(plan: Plan): string {
  refuseFormats(plan, 'cuda', (dtype) => CUDA_FORMATS.of[dtype] !== undefined);
  checkAttributes(plan, 'cuda', CUDA_ATTRIBUTES);
  const attention = plan.functions.flatMap(({ groups }) => groups).find(({ kind }) => kind === 'attention');
  if (attention !== undefined)
    throw userError(
      'AMP6011',
      `the cuda backend does not implement attention in one kernel (${attention.name})`,
      `the plan is for ${plan.target.backend}, which does`,
      'plan the .amp file for cuda: its parts have kernels there',
    );
  return printCuda(plan, emitCuda(plan));
}
