import { knownCosts } from '../choose/formats.js';
import type { Machine } from '../language/service.js';
import { type BackendName, defaultTarget, isBackendName } from '../plan/target.js';
import { describeBackend } from '../runtime/select.js';

/** What documents are planned for, found out once for each backend: opening one takes a while. */
export class Machines {
  private readonly known = new Map<string, Promise<Machine>>();

  /** A name that no backend has counts as `auto`. */
  for(name: string): Promise<Machine> {
    const backend: BackendName | 'auto' = isBackendName(name) ? name : 'auto';
    const machine = this.known.get(backend) ?? describe(backend);
    this.known.set(backend, machine);
    return machine;
  }
}

async function describe(backend: BackendName | 'auto'): Promise<Machine> {
  try {
    const selected = await describeBackend(backend);
    const costs = await knownCosts(selected, {});
    return { target: selected.info.target, ...(costs && { costs }) };
  } catch {
    // What cannot run here can be planned for all the same.
    return { target: defaultTarget(backend === 'auto' ? 'cpu' : backend) };
  }
}
