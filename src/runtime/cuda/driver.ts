import koffi from 'koffi';

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

/** Names of the driver's library, by platform; elsewhere there is none. */
const LIBRARIES: Readonly<Partial<Record<NodeJS.Platform, string>>> = { linux: 'libcuda.so.1', win32: 'nvcuda.dll' };

/** Every function of the driver that is called: its name there, and its type. All return a `CUresult`. */
const CALLS = {
  init: 'int cuInit(unsigned int flags)',
  driverVersion: 'int cuDriverGetVersion(_Out_ int *version)',
  deviceCount: 'int cuDeviceGetCount(_Out_ int *count)',
  deviceAt: 'int cuDeviceGet(_Out_ int *device, int ordinal)',
  deviceName: 'int cuDeviceGetName(_Out_ uint8_t *name, int length, int device)',
  deviceMemory: 'int cuDeviceTotalMem_v2(_Out_ size_t *bytes, int device)',
  deviceAttribute: 'int cuDeviceGetAttribute(_Out_ int *value, int attribute, int device)',
} as const;

type Calls = Readonly<Record<keyof typeof CALLS, (...args: readonly unknown[]) => number>>;

/** Attributes of a device, by their numbers in CUDA's documentation. */
const ATTRIBUTES = { major: 75, minor: 76 } as const;

/** A call that failed, by the number that the driver gave. */
class DriverError extends Error {
  constructor(call: keyof typeof CALLS, code: number) {
    super(`${/cu\w+/.exec(CALLS[call])![0]} failed with error ${code}`);
  }
}

/** Opens the driver's library. Throws what the loader throws, where there is none. */
function openDriver(path: string): Calls {
  const library = koffi.load(path);
  return Object.fromEntries(Object.entries(CALLS).map(([name, type]) => [name, library.func(type)])) as unknown as Calls;
}

function checked(calls: Calls, name: keyof typeof CALLS, ...args: readonly unknown[]): void {
  const code = calls[name](...args);
  if (code !== 0) throw new DriverError(name, code);
}

/** The one number that a call gives in its first argument. */
function given(calls: Calls, name: keyof typeof CALLS, ...args: readonly unknown[]): number {
  const out = [0];
  checked(calls, name, out, ...args);
  return Number(out[0]);
}

function describeDevice(calls: Calls, ordinal: number): CudaDevice {
  const device = given(calls, 'deviceAt', ordinal);
  const name = new Uint8Array(256);
  checked(calls, 'deviceName', name, name.length, device);
  const [major, minor] = [ATTRIBUTES.major, ATTRIBUTES.minor].map((attribute) => given(calls, 'deviceAttribute', attribute, device));
  return {
    name: Buffer.from(name).toString('utf8').replace(/\0.*$/s, ''),
    memory: given(calls, 'deviceMemory', device),
    capability: `${major}.${minor}`,
  };
}

/** The driver and its devices, or why there is none. `path`: of its library. */
export function findDriver(path = LIBRARIES[process.platform]): CudaDriver | { readonly reason: string } {
  if (path === undefined) return { reason: `NVIDIA has no CUDA driver for ${process.platform}` };
  let calls: Calls;
  try {
    calls = openDriver(path);
  } catch {
    return { reason: `there is no NVIDIA driver (${path})` };
  }
  try {
    checked(calls, 'init', 0);
    const version = given(calls, 'driverVersion');
    const devices = Array.from({ length: given(calls, 'deviceCount') }, (_, ordinal) => describeDevice(calls, ordinal));
    return { version: `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`, devices };
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    return { reason: `the NVIDIA driver finds no device (${error.message})` };
  }
}
