import { C_ATTRIBUTES, CUDA_ATTRIBUTES, WGSL_ATTRIBUTES } from '../../src/codegen/attributes.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import type { AttributeTable } from '../../src/ops/kernel-attributes.js';
import { checkAttributes } from '../../src/runtime/attributes.js';
import { ATTRIBUTES as TENSORFLOW_ATTRIBUTES } from '../../src/runtime/tensorflow/attributes.js';
import { casePlan, type OpCase } from './cases.js';

const TABLES: Readonly<Record<string, AttributeTable>> = {
  cpu: C_ATTRIBUTES,
  webgpu: WGSL_ATTRIBUTES,
  cuda: CUDA_ATTRIBUTES,
  tensorflow: TENSORFLOW_ATTRIBUTES,
};

/** Whether a backend says that it implements a case, and does not refuse it by name. */
export function isImplemented(item: OpCase, backend: string): boolean {
  const plan = casePlan(item, backend);
  try {
    checkAttributes(plan, backend, TABLES[backend]!);
    return true;
  } catch (error) {
    if (error instanceof UserError && error.diagnostics.every(({ code }) => code === 'AMP6011')) return false;
    throw error;
  }
}
