import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { coresIn } from './launcher.js';

/** Where this process may run, as Linux numbers the cores (none where the system does not say), and how many the machine has. */
export function ownCores(): { readonly cores: readonly number[]; readonly present: number } {
  const present = cpus().length;
  try {
    const [, list] = /^Cpus_allowed_list:\s*([\d,-]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return { cores: list === undefined ? [] : coresIn(list), present };
  } catch {
    return { cores: [], present };
  }
}
