/**
 * Preloaded into a process that trains (`--import`): makes its GPU fail in the way that AMPC_TEST_FAULT names. `lost@N`: the device goes
 * away with submission N; `command@N`: submission N is invalid; `memory@N`: more memory than there is is asked for with submission N;
 * `shader`: the first shader does not compile; `allocation`: the values do not fit into the device's memory. `none` only counts how often
 * the host reads from the device, and says so at the end; its clock stands still, so that nothing is due because time has passed.
 */
const [fault, at] = (process.env.AMPC_TEST_FAULT ?? '').split('@') as [string, string?];

type Method = (this: unknown, ...args: never[]) => unknown;

const name = 'webgpu';
const { globals } = (await import(name)) as { globals: Record<string, { prototype: Record<string, Method> }> };

function wrap(type: string, method: string, make: (original: Method) => Method): void {
  const { prototype } = globals[type]!;
  prototype[method] = make(prototype[method]!);
}

let device: GPUDevice | undefined;

/**
 * Buffers as large as the limits allow: lavapipe has none of that size, a GPU not that many. Nothing is written, so no memory is touched.
 */
const kept: GPUBuffer[] = [];
function takeAllMemory(create: (descriptor: GPUBufferDescriptor) => GPUBuffer): void {
  const size = device!.limits.maxBufferSize;
  for (let i = 0; i < 64; i += 1) kept.push(create({ size, usage: GPUBufferUsage.COPY_DST }));
}

wrap(
  'GPUAdapter',
  'requestDevice',
  (original) =>
    async function (this: unknown, ...args: never[]) {
      device = (await original.apply(this, args)) as GPUDevice;
      return device;
    },
);

if (fault === 'shader') {
  let first = true;
  wrap(
    'GPUDevice',
    'createShaderModule',
    (original) =>
      function (this: unknown, ...args: never[]) {
        const [descriptor] = args as unknown as [GPUShaderModuleDescriptor];
        const { code } = descriptor;
        const changed = { ...descriptor, code: first ? code.replace('u32', 'unheard_of') : code };
        first = false;
        return original.call(this, changed as never);
      },
  );
} else if (fault === 'allocation') {
  wrap(
    'GPUDevice',
    'createBuffer',
    (original) =>
      function (this: unknown, ...args: never[]) {
        const [descriptor] = args as unknown as [GPUBufferDescriptor];
        if (descriptor.label === 'arena') takeAllMemory((other) => original.call(this, other as never) as GPUBuffer);
        return original.apply(this, args);
      },
  );
} else if (fault === 'none') {
  let reads = 0;
  performance.now = () => 0;
  wrap(
    'GPUBuffer',
    'mapAsync',
    (original) =>
      function (this: unknown, ...args: never[]) {
        reads += 1;
        return original.apply(this, args);
      },
  );
  process.on('exit', () => process.stderr.write(`read ${reads} times\n`));
} else {
  let submissions = 0;
  wrap(
    'GPUQueue',
    'submit',
    (original) =>
      function (this: unknown, ...args: never[]) {
        submissions += 1;
        if (submissions === Number(at)) {
          const usage = GPUBufferUsage.COPY_DST;
          if (fault === 'lost') device!.destroy();
          if (fault === 'command') device!.queue.writeBuffer(device!.createBuffer({ size: 4, usage }), 0, new Uint32Array(4));
          if (fault === 'memory') takeAllMemory((other) => device!.createBuffer(other));
        }
        return original.apply(this, args);
      },
  );
}
