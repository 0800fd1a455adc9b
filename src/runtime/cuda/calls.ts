import koffi from 'koffi';

/**
 * Every function of the driver that is called, with its type in C. All return a `CUresult`. Addresses and handles are numbers of 64 bits.
 */
const CALLS = {
  init: 'int cuInit(unsigned int flags)',
  driverVersion: 'int cuDriverGetVersion(_Out_ int *version)',
  errorName: 'int cuGetErrorName(int code, _Out_ const char **name)',
  errorText: 'int cuGetErrorString(int code, _Out_ const char **text)',
  deviceCount: 'int cuDeviceGetCount(_Out_ int *count)',
  deviceAt: 'int cuDeviceGet(_Out_ int *device, int ordinal)',
  deviceName: 'int cuDeviceGetName(_Out_ uint8_t *name, int length, int device)',
  deviceMemory: 'int cuDeviceTotalMem_v2(_Out_ size_t *bytes, int device)',
  deviceAttribute: 'int cuDeviceGetAttribute(_Out_ int *value, int attribute, int device)',
  retainContext: 'int cuDevicePrimaryCtxRetain(_Out_ uint64_t *context, int device)',
  releaseContext: 'int cuDevicePrimaryCtxRelease_v2(int device)',
  useContext: 'int cuCtxSetCurrent(uint64_t context)',
  freeMemory: 'int cuMemGetInfo_v2(_Out_ size_t *free, _Out_ size_t *total)',
  allocate: 'int cuMemAlloc_v2(_Out_ uint64_t *address, size_t bytes)',
  free: 'int cuMemFree_v2(uint64_t address)',
  allocateHost: 'int cuMemHostAlloc(_Out_ uint64_t *address, size_t bytes, unsigned int flags)',
  freeHost: 'int cuMemFreeHost(uint64_t address)',
  upload: 'int cuMemcpyHtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, uint64_t stream)',
  download: 'int cuMemcpyDtoHAsync_v2(uint64_t to, uint64_t from, size_t bytes, uint64_t stream)',
  fill: 'int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, uint64_t stream)',
  createStream: 'int cuStreamCreate(_Out_ uint64_t *stream, unsigned int flags)',
  destroyStream: 'int cuStreamDestroy_v2(uint64_t stream)',
  beginCapture: 'int cuStreamBeginCapture_v2(uint64_t stream, int mode)',
  endCapture: 'int cuStreamEndCapture(uint64_t stream, _Out_ uint64_t *graph)',
  instantiate: 'int cuGraphInstantiateWithFlags(_Out_ uint64_t *run, uint64_t graph, unsigned long long flags)',
  launchGraph: 'int cuGraphLaunch(uint64_t run, uint64_t stream)',
  destroyGraph: 'int cuGraphDestroy(uint64_t graph)',
  destroyRun: 'int cuGraphExecDestroy(uint64_t run)',
  createEvent: 'int cuEventCreate(_Out_ uint64_t *event, unsigned int flags)',
  destroyEvent: 'int cuEventDestroy_v2(uint64_t event)',
  recordEvent: 'int cuEventRecord(uint64_t event, uint64_t stream)',
  queryEvent: 'int cuEventQuery(uint64_t event)',
  elapsed: 'int cuEventElapsedTime(_Out_ float *milliseconds, uint64_t from, uint64_t to)',
  loadModule:
    'int cuModuleLoadDataEx(_Out_ uint64_t *module, const void *image, unsigned int count, const void *options, const void *values)',
  unloadModule: 'int cuModuleUnload(uint64_t module)',
  findFunction: 'int cuModuleGetFunction(_Out_ uint64_t *function, uint64_t module, const char *name)',
  launch:
    'int cuLaunchKernel(uint64_t function, unsigned int x, unsigned int y, unsigned int z, unsigned int threads, unsigned int threads_y, ' +
    'unsigned int threads_z, unsigned int shared, uint64_t stream, const void *parameters, const void *extra)',
} as const;

export type CallName = keyof typeof CALLS;
export type Calls = Readonly<Record<CallName, (...args: readonly unknown[]) => number>>;

/** An address or a handle. Beyond 2^53 koffi gives a bigint. */
export type Handle = number | bigint;

/** Results of calls, by their numbers in CUDA's documentation. */
export const RESULT = { outOfMemory: 2, noDevice: 100, noBinary: 209, unsupportedPtx: 222, notReady: 600 } as const;

function nameOf(call: CallName): string {
  return /cu\w+/.exec(CALLS[call])![0];
}

/** A call that failed, with the number that the driver gave and what it says of it. */
export class DriverError extends Error {
  constructor(
    calls: Calls,
    call: CallName,
    readonly code: number,
  ) {
    super(`${nameOf(call)}: ${saysOf(calls, code)}`);
  }
}

function saysOf(calls: Calls, code: number): string {
  const [name, text] = [[''], ['']];
  const known = calls.errorName(code, name) === 0 && calls.errorText(code, text) === 0;
  return known ? `${text[0]} (${name[0]}, error ${code})` : `error ${code}`;
}

/** Throws DriverError where the driver refuses the call. */
export function checked(calls: Calls, name: CallName, ...args: readonly unknown[]): void {
  const code = calls[name](...args);
  if (code !== 0) throw new DriverError(calls, name, code);
}

/** The one number that a call gives in its first argument. Throws DriverError. */
export function given(calls: Calls, name: CallName, ...args: readonly unknown[]): Handle {
  const out: [Handle] = [0];
  checked(calls, name, out, ...args);
  return out[0];
}

/** A driver that lacks a function that ampc calls. */
export class OldDriver extends Error {}

/** Opens the driver's library. Throws what the loader throws, where there is none, and OldDriver where one of the functions is missing. */
export function openDriver(path: string): Calls {
  const library = koffi.load(path);
  const bound = Object.entries(CALLS).map(([name, type]) => {
    try {
      return [name, library.func(type)];
    } catch {
      throw new OldDriver(`it has no ${nameOf(name as CallName)}`);
    }
  });
  return Object.fromEntries(bound) as Calls;
}
