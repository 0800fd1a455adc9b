import type { CostTable } from '../plan/cost-table.js';

/** One line for a person: `cpu, AMD EPYC (2 cores, AVX-512 with BF16), 2 threads`. */
export function costsName({ machine }: Pick<CostTable, 'machine'>): string {
  const { backend, device, threads } = machine;
  const parts = [backend, device, threads && `${threads} ${threads === '1' ? 'thread' : 'threads'}`];
  return parts.filter(Boolean).join(', ') || 'a table without a machine';
}
