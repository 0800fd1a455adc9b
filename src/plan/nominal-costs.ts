import { COSTS_FORMAT, type CostTable } from './cost-table.js';

/**
 * The rates of no device in particular, in proportions that GPUs have: 5 us to start a kernel, 500 GB/s, 10 TFLOP/s in f32 and twice as
 * much in low formats. They say what layers take beside each other where nothing was measured, and not how long.
 */
export const NOMINAL_COSTS: CostTable = {
  format: COSTS_FORMAT,
  machine: { backend: 'nominal' },
  rates: { launch: 5e-6, memory: 500e9, cast: 500e9, flops: { f32: 10e12, f16: 20e12, bf16: 20e12 } },
  kernels: {},
};
