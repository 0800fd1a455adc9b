import { WGSL_ATTRIBUTES } from '../../codegen/attributes.js';
import { emitWgsl, printWgsl } from '../../codegen/wgsl/emit.js';
import { WGSL_FORMATS } from '../../codegen/wgsl/formats.js';
import { DEFAULT_TARGET, type WgslTarget } from '../../codegen/wgsl/target.js';
import { UserError } from '../../diagnostics/diagnostic.js';
import { isOfTail, type Plan } from '../../plan/plan.js';
import { defaultTarget } from '../../plan/target.js';
import { checkAttributes } from '../attributes.js';
import type { Backend, BackendInfo, ProbeOptions } from '../backend.js';
import { refuseFormats } from '../refuse-formats.js';
import { findAdapter, findOthers, limitsOf, openDevice, targetOf } from './adapter.js';
import { allocateBlocks } from './buffers.js';
import { WebGpuExecutable } from './executable.js';
import { Pipelines } from './pipelines.js';
import { checkSizes } from './sizes.js';
import { describeAdapter, describeOthers } from './support.js';
import { areSoftware, findVulkanDrivers } from './vulkan.js';

export { WebGpuExecutable } from './executable.js';

function reasonOf(error: UserError): string {
  const [{ message, why, fix }] = error.diagnostics as [UserError['diagnostics'][number]];
  return [message, why, fix].filter((part) => part !== undefined).join('; ');
}

/** Where subgroups are loops of a processor, attention without scores in memory takes many times as long as with them. */
const SOFTWARE = { ...defaultTarget('webgpu'), attention: undefined };

async function probe({ automatic = false }: ProbeOptions = {}): Promise<BackendInfo> {
  // Nothing that `auto` could take: no reason to open it.
  if (automatic && areSoftware(findVulkanDrivers()))
    return { name: 'webgpu', available: true, device: 'software Vulkan', software: true, target: SOFTWARE };
  try {
    const facts = await findAdapter();
    return {
      name: 'webgpu',
      available: true,
      device: facts.software ? `${facts.name} (software)` : facts.name,
      software: facts.software,
      target: { ...(facts.software ? SOFTWARE : defaultTarget('webgpu')), ...(facts.f16 ? {} : { low: [] }) },
      details: { ...describeAdapter(facts), ...(automatic ? {} : describeOthers(await findOthers(facts))) },
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { name: 'webgpu', available: false, reason: reasonOf(error), target: defaultTarget('webgpu') };
  }
}

/** Loads a plan; `choices` override what the adapter decides. Throws UserError when there is no adapter or too little memory. */
export async function loadPlan(plan: Plan, choices: Partial<WgslTarget> = {}): Promise<WebGpuExecutable> {
  refuseFormats(plan, 'webgpu', (dtype) => WGSL_FORMATS.of[dtype] !== undefined);
  checkAttributes(plan, 'webgpu', WGSL_ATTRIBUTES);
  const { device, target } = await openDevice(await findAdapter());
  try {
    const started = performance.now();
    const chosen = { ...target, ...choices };
    const program = emitWgsl(plan, chosen);
    checkSizes(plan, program, chosen.limits);
    const blocks = await allocateBlocks(device, program);
    const pipelines = new Pipelines(device, program, blocks);
    // The end of an epoch is far off, or may never come.
    await Promise.all(plan.functions.filter(({ name }) => !isOfTail(name)).map(({ name }) => pipelines.of(name)));
    return new WebGpuExecutable({ plan, program, device, blocks, pipelines, compileMs: performance.now() - started });
  } catch (error) {
    device.destroy();
    throw error;
  }
}

/** Plans as WGSL on any GPU with Vulkan, Metal or Direct3D 12, through Dawn. */
export function createBackend(): Backend {
  return { name: 'webgpu', probe, load: (plan) => loadPlan(plan) };
}

/** The WGSL of a plan, as it would run here; for the limits that every device has where there is no adapter. */
export async function emitForThisMachine(plan: Plan): Promise<string> {
  checkAttributes(plan, 'webgpu', WGSL_ATTRIBUTES);
  let target = DEFAULT_TARGET;
  try {
    const facts = await findAdapter();
    target = targetOf(facts, limitsOf(facts.adapter));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  return printWgsl(plan, emitWgsl(plan, target));
}
