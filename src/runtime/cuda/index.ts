import { CUDA_ATTRIBUTES } from '../../codegen/attributes.js';
import { type CudaProgram, emitCuda, printCuda } from '../../codegen/cuda/emit.js';
import { CUDA_FORMATS } from '../../codegen/cuda/formats.js';
import { UserError, userError } from '../../diagnostics/diagnostic.js';
import { cacheFolder } from '../../files/cache-folder.js';
import { formatBytes } from '../../numeric/bytes.js';
import { isOfTail, type Plan } from '../../plan/plan.js';
import { defaultTarget } from '../../plan/target.js';
import { checkAttributes } from '../attributes.js';
import type { Backend, BackendInfo, LoadOptions, ProbeOptions } from '../backend.js';
import { openKernels } from '../kernel-cache.js';
import { refuseFormats } from '../refuse-formats.js';
import { DriverError, RESULT } from './calls.js';
import { type CudaCompiler, findCompilers } from './compilers.js';
import { Device } from './device.js';
import { findDriver, type NoDriver, type OpenDriver, tooOld, usedDevice } from './driver.js';
import { CudaExecutable } from './executable.js';
import { failureOf } from './failures.js';
import { Feed } from './feed.js';
import { Functions, ratesOf } from './functions.js';
import type { BlockAddresses } from './launches.js';
import { Modules } from './modules.js';
import { ScalarRing } from './scalars.js';
import { describeSelfCheck, selfCheck } from './self-check.js';

export { CudaExecutable } from './executable.js';

const INSTEAD = '--backend webgpu uses any GPU, and --backend cpu the processor';

/** The driver and the number of the device that is used, or why there is none. */
function findDevice(): { readonly driver: OpenDriver; readonly ordinal: number } | NoDriver {
  const driver = findDriver();
  if ('reason' in driver) return driver;
  const ordinal = usedDevice(driver);
  return ordinal === undefined ? tooOld(driver) : { driver, ordinal };
}

/** A line for each device, and which is used. */
function describeDevices({ devices }: OpenDriver, used: number): Readonly<Record<string, string>> {
  return Object.fromEntries(
    devices.map(({ name, memory, capability }, i) => [
      `device ${i}`,
      `${name}, ${formatBytes(memory)}, compute capability ${capability}${i === used ? ' (used)' : ''}`,
    ]),
  );
}

/** What would make it better: the driver, and a compiler that makes code for the device itself. */
function adviceOn(compilers: readonly CudaCompiler[], architecture: number): Readonly<Record<string, string>> {
  const [first] = compilers as [CudaCompiler];
  const own = first.flags(architecture).some((flag) => flag.includes(`sm_${architecture}`));
  return own ? {} : { better: 'NVRTC or nvcc that knows this device (pip install nvidia-cuda-nvrtc): the driver then compiles nothing' };
}

function reasonOf({ diagnostics }: UserError): string {
  const [{ message, why, fix }] = diagnostics as [UserError['diagnostics'][number]];
  return [message, why, fix].filter((part) => part !== undefined).join('; ');
}

async function probe({ automatic = false }: ProbeOptions = {}): Promise<BackendInfo> {
  const target = defaultTarget('cuda');
  const found = findDevice();
  if ('reason' in found) return { name: 'cuda', available: false, target, reason: found.reason, fix: `${found.fix}; ${INSTEAD}` };
  const { driver, ordinal } = found;
  const details = { driver: `CUDA ${driver.version}`, ...describeDevices(driver, ordinal) };
  const { name, capability } = driver.devices[ordinal]!;
  try {
    const compilers = await findCompilers();
    return {
      name: 'cuda',
      available: true,
      device: `${name}, compute capability ${capability}`,
      target,
      details: {
        ...details,
        compiler: compilers.map(({ name: one, origin }) => `${one} (${origin})`).join(', then '),
        ...adviceOn(compilers, Number(capability.replace('.', ''))),
        cache: cacheFolder('kernels') ?? 'none: this user has no home folder, and AMPC_CACHE names none',
        ...(!automatic && { 'self-check': await describeSelfCheck({ driver, ordinal, compilers }) }),
      },
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { name: 'cuda', available: false, device: name, target, reason: reasonOf(error), details };
  }
}

/** Why `auto` does not take the device. */
async function distrust(options: LoadOptions = {}): Promise<string | undefined> {
  const found = findDevice();
  if ('reason' in found) return found.reason;
  try {
    const wrong = await selfCheck({ ...found, compilers: await findCompilers() }, load, options);
    return wrong && `its self-check found numbers that are wrong: ${wrong}`;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof UserError)) throw error;
    return `its self-check could not run: ${reasonOf(error)}`;
  }
}

function check(plan: Plan): void {
  refuseFormats(plan, 'cuda', (dtype) => CUDA_FORMATS.of[dtype] !== undefined);
  checkAttributes(plan, 'cuda', CUDA_ATTRIBUTES);
  const attention = plan.functions.flatMap(({ groups }) => groups).find(({ kind }) => kind === 'attention');
  if (attention === undefined) return;
  throw userError(
    'AMP6011',
    `the cuda backend does not implement attention in one kernel (${attention.name})`,
    `the plan is for ${plan.target.backend}, which does`,
    'plan the .amp file for cuda: its parts have kernels there',
  );
}

/** All memory of a plan, zeroed. Throws UserError AMP6035 when the device has too little. */
function allocateBlocks(device: Device, { memory: { states, inputs, arena, workspace } }: CudaProgram): BlockAddresses {
  try {
    const allocate = (bytes: number) => device.allocate(Math.max(256, bytes));
    return { states: allocate(states), inputs: allocate(inputs), arena: allocate(arena), work: allocate(workspace) };
  } catch (error) {
    if (!(error instanceof DriverError && error.code === RESULT.outOfMemory)) throw error;
    const total = formatBytes(states + inputs + arena + workspace);
    throw userError(
      'AMP6035',
      `the GPU has no ${total} of memory free`,
      error.message,
      'use a smaller batch, or close other programs that use the GPU',
    );
  }
}

async function load(plan: Plan, { signal, onNotice }: LoadOptions = {}): Promise<CudaExecutable> {
  check(plan);
  const found = findDevice();
  if ('reason' in found) throw userError('AMP6010', 'the cuda backend cannot run here', found.reason, `${found.fix}; ${INSTEAD}`);
  const compilers = await findCompilers();
  const cache = await openKernels(onNotice);
  let device: Device | undefined;
  let modules: Modules | undefined;
  try {
    device = new Device(found.driver, found.ordinal);
    const started = performance.now();
    const program = emitCuda(plan);
    const at = allocateBlocks(device, program);
    modules = new Modules(device, program, compilers, { cache, signal, onNotice });
    const parts = { plan, program, device, modules, at, ring: new ScalarRing(device), feed: new Feed(device), rates: ratesOf(program) };
    const functions = new Functions(parts);
    // The end of an epoch is far off, or may never come.
    await Promise.all(plan.functions.filter(({ name }) => !isOfTail(name)).map(({ name }) => parts.modules.of(name)));
    return new CudaExecutable(parts, functions, performance.now() - started);
  } catch (error) {
    await modules?.unload();
    device?.close();
    signal?.throwIfAborted();
    throw failureOf(error);
  }
}

/** Plans as CUDA C++ for NVIDIA's GPUs, in one graph a call. */
export function createBackend(): Backend {
  return {
    name: 'cuda',
    probe,
    load,
    distrust,
    workspace: async (plan) => {
      check(plan);
      const { workspace, inputs, arena } = emitCuda(plan).memory;
      // The device's own order of things keeps some values longer than the plan's, and has workspaces among them.
      return workspace + inputs + arena - Math.max(0, ...plan.functions.map(({ memory }) => memory.arena));
    },
  };
}

/** The CUDA C++ of a plan; it is the same on every machine. Throws UserError for what its kernels do not implement. */
export function emitPlan(plan: Plan): string {
  check(plan);
  return printCuda(plan, emitCuda(plan));
}
