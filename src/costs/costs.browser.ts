import { userError } from '../diagnostics/diagnostic.js';
import { schemaProblem } from '../files/schemas.js';
import { VERSION } from '../files/version.js';
import { COSTS_FORMAT, type CostRates, type CostTable, type KernelCost } from '../plan/cost-table.js';
import { readFile } from '../platform/files.js';
import type { BackendInfo } from '../runtime/backend.js';

/** What was measured since the page was opened: its kernels come from this code alone. */
const tables = new Map<string, CostTable>();

const keyOf = (machine: CostTable['machine']): string => JSON.stringify(Object.entries(machine).sort());

export function machineOf({ name, device = 'unknown', details = {} }: BackendInfo): Readonly<Record<string, string>> {
  return { backend: name, device, ...details, threads: '1', ampc: VERSION };
}

export async function readCosts(path: string): Promise<CostTable> {
  const table = JSON.parse(await readFile(path, 'utf8')) as CostTable;
  if (schemaProblem('tune', table) === undefined && table.format === COSTS_FORMAT) return table;
  throw userError('AMP6014', `${path} is no table of costs`, undefined, '`ampc tune FILE --table --json` prints one');
}

export async function cachedCosts(machine: CostTable['machine']): Promise<CostTable | undefined> {
  return tables.get(keyOf(machine));
}

export async function keepCosts(
  machine: CostTable['machine'],
  rates: CostRates,
  kernels: Readonly<Record<string, KernelCost>>,
): Promise<CostTable> {
  const before = await cachedCosts(machine);
  const table: CostTable = { format: COSTS_FORMAT, machine, rates, kernels: { ...before?.kernels, ...kernels } };
  tables.set(keyOf(machine), table);
  return table;
}
