import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { systemText } from '../files/system-text.js';

/** Whether a file descriptor can only be written to: what nohup puts in place of a terminal's input. */
function isWriteOnly(descriptor: number): boolean {
  const flags = /^flags:\s*(\d+)/m.exec(systemText(`/proc/self/fdinfo/${descriptor}`) ?? '')?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & 3) === 1;
}

function isNohupOutput(descriptor: number): boolean {
  try {
    return basename(readlinkSync(`/proc/self/fd/${descriptor}`)) === 'nohup.out';
  } catch {
    return false;
  }
}

/**
 * Whether nohup started this process, which is then to outlive its terminal. Node gives every signal its default meaning back before any
 * script runs, so that SIGHUP was ignored cannot be seen. What can: shells say in `_` which command they started, and nohup replaces a
 * terminal's input by one that cannot be read and its output by nohup.out.
 */
export function isUnderNohup(env: NodeJS.ProcessEnv = process.env): boolean {
  return basename(env._ ?? '') === 'nohup' || isWriteOnly(0) || isNohupOutput(1) || isNohupOutput(2);
}
