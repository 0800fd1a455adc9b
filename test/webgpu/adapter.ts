import type { Context } from 'mocha';
import { createBackend } from '../../src/runtime/webgpu/index.js';
import { skip } from '../support/skip.js';

/** Skips the suite, with the reason, where no adapter can be had. */
export async function needAdapter(context: Context): Promise<void> {
  const { available, reason, target } = await createBackend().probe();
  if (!available) skip(context, reason ?? 'no adapter');
  if (!target.low.includes('f16')) skip(context, 'the adapter has no shader-f16');
}
