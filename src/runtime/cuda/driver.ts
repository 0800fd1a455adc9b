import { type Calls, checked, DriverError, given, OldDriver, openDriver } from './calls.js';

/** What the driver says of one device. */
export interface CudaDevice {
  readonly name: string;
  /** Bytes of its memory. */
  readonly memory: number;
  /** Major and minor number of what it can compute, such as 9.0. */
  readonly capability: string;
}

export interface CudaDriver {
  /** The newest version of CUDA that the driver takes. */
  readonly version: string;
  readonly devices: readonly CudaDevice[];
}

/** The driver with its functions. */
export interface OpenDriver extends CudaDriver {
  readonly calls: Calls;
}

/** Why nothing can run, and what to do about it. */
export interface NoDriver {
  readonly reason: string;
  readonly fix: string;
}

/** Names of the driver's library, by platform; elsewhere there is none. */
const LIBRARIES: Readonly<Partial<Record<NodeJS.Platform, string>>> = { linux: 'libcuda.so.1', win32: 'nvcuda.dll' };

/** Attributes of a device, by their numbers in CUDA's documentation. */
const ATTRIBUTES = { major: 75, minor: 76 } as const;

/** What the kernels need: bf16 in tensor cores, and copies to shared memory that a thread does not wait for. */
const LEAST_CAPABILITY = 8;

function describeDevice(calls: Calls, ordinal: number): CudaDevice {
  const device = given(calls, 'deviceAt', ordinal);
  const name = new Uint8Array(256);
  checked(calls, 'deviceName', name, name.length, device);
  const [major, minor] = [ATTRIBUTES.major, ATTRIBUTES.minor].map((attribute) => given(calls, 'deviceAttribute', attribute, device));
  return {
    name: Buffer.from(name).toString('utf8').replace(/\0.*$/s, ''),
    memory: Number(given(calls, 'deviceMemory', device)),
    capability: `${major}.${minor}`,
  };
}

/** The library that `AMPC_LIBCUDA` names, or the system's. */
function libraryPath(): string | undefined {
  return process.env.AMPC_LIBCUDA || LIBRARIES[process.platform];
}

const INSTALL =
  'install the driver of a GPU of NVIDIA (nvidia.com/drivers), no toolkit; in a container, give it the GPU (docker run --gpus all)';

/** The driver and its devices, or why there is none. `path`: of its library. */
export function findDriver(path = libraryPath()): OpenDriver | NoDriver {
  if (path === undefined) return { reason: `NVIDIA has no CUDA driver for ${process.platform}`, fix: 'use another backend' };
  let calls: Calls;
  try {
    calls = openDriver(path);
  } catch (error) {
    if (error instanceof OldDriver)
      return { reason: `the NVIDIA driver (${path}) is too old: ${error.message}`, fix: 'update it: CUDA 11.4 or newer is needed' };
    return { reason: `there is no NVIDIA driver (${path} was not found)`, fix: INSTALL };
  }
  try {
    checked(calls, 'init', 0);
    const version = Number(given(calls, 'driverVersion'));
    const devices = Array.from({ length: Number(given(calls, 'deviceCount')) }, (_, ordinal) => describeDevice(calls, ordinal));
    const all = { calls, version: `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`, devices };
    if (devices.length > 0) return all;
    return { reason: 'the NVIDIA driver finds no device', fix: 'look at what nvidia-smi and CUDA_VISIBLE_DEVICES say' };
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    return { reason: `the NVIDIA driver finds no device (${error.message})`, fix: 'look at what nvidia-smi and CUDA_VISIBLE_DEVICES say' };
  }
}

/** The number of the device that is used: the first that can compute what kernels need, of those that CUDA_VISIBLE_DEVICES shows. */
export function usedDevice({ devices }: CudaDriver): number | undefined {
  const found = devices.findIndex(({ capability }) => Number.parseInt(capability, 10) >= LEAST_CAPABILITY);
  return found < 0 ? undefined : found;
}

/** Why none of the devices is used. */
export function tooOld({ devices }: CudaDriver): NoDriver {
  const named = devices.map(({ name, capability }) => `${name} (${capability})`).join(', ');
  return { reason: `no device has compute capability ${LEAST_CAPABILITY}.0 or newer: ${named}`, fix: 'use the webgpu backend on it' };
}
