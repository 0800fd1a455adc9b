import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COSTS_FORMAT, type CostRates, type CostTable } from '../../src/plan/cost-table.js';

/** A device on which a contraction in a low format is twice as fast as in f32, and casts are cheap. */
const RATES: CostRates = { launch: 1e-6, memory: 1e11, cast: 1e11, flops: { f32: 1e9, f16: 2e9, bf16: 2e9 } };

/** A table that nobody measured. */
export function madeUpCosts(rates: Partial<CostRates> = {}): CostTable {
  return { format: COSTS_FORMAT, machine: { backend: 'reference', device: 'made up' }, rates: { ...RATES, ...rates }, kernels: {} };
}

/** Low formats buy nothing, and every cast is dear. */
export const DEAR_CASTS = madeUpCosts({ cast: 1e6, flops: { f32: 2e9, f16: 2e9, bf16: 2e9 } });

/** Low formats are slower. */
export const SLOW_LOW = madeUpCosts({ flops: { f32: 4e9, f16: 1e9, bf16: 1e9 } });

/** The table as a file, for `--costs`. */
export function costsFile(dir: string, name: string, table: CostTable): string {
  const path = join(dir, name);
  writeFileSync(path, JSON.stringify(table));
  return path;
}
