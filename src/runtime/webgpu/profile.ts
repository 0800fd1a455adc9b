import { userError } from '../../diagnostics/diagnostic.js';
import type { Reader } from './buffers.js';
import { type BoundDispatch, encodeDispatches } from './pipelines.js';

/**
 * Runs groups of dispatches once, a pass each, and gives the seconds of each by the device's clock. Throws UserError without timestamps.
 */
export async function timeGroups(device: GPUDevice, reader: Reader, groups: readonly (readonly BoundDispatch[])[]): Promise<number[]> {
  if (!device.features.has('timestamp-query'))
    throw userError('AMP6039', 'this GPU cannot time its kernels', 'its driver has no timestamp queries');
  const count = groups.length * 2;
  const querySet = device.createQuerySet({ type: 'timestamp', count });
  const results = device.createBuffer({
    label: 'timestamps',
    size: count * 8,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  try {
    const encoder = device.createCommandEncoder();
    for (const [i, dispatches] of groups.entries()) {
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
      });
      encodeDispatches(pass, dispatches);
      pass.end();
    }
    encoder.resolveQuerySet(querySet, 0, count, results, 0);
    device.queue.submit([encoder.finish()]);
    const [bytes] = await reader.read([{ buffer: results, offset: 0, bytes: count * 8 }]);
    const times = new BigUint64Array(bytes!.buffer);
    return groups.map((_, i) => Number(times[2 * i + 1]! - times[2 * i]!) / 1e9);
  } finally {
    querySet.destroy();
    results.destroy();
  }
}
