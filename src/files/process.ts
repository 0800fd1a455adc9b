import { systemText } from './system-text.js';

/** Whether a process of this id runs on this machine, whoever owns it. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Tells a process from a later one of the same id: the system's boot and the process's start in clock ticks since then. Undefined where the
 * system does not say (it has no /proc), or where there is no such process.
 */
export function processStart(pid: number): string | undefined {
  const boot = systemText('/proc/sys/kernel/random/boot_id')?.trim();
  // The second field, the command's name, may hold spaces and brackets; the 22nd is the start.
  const fields = systemText(`/proc/${pid}/stat`)
    ?.replace(/^.*\) /s, '')
    .split(' ');
  const ticks = fields?.[19];
  return boot === undefined || ticks === undefined ? undefined : `${boot} ${ticks}`;
}
