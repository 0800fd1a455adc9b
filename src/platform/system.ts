/** What a program knows of the system that it runs on. */
import { availableParallelism, hostname as nodeHostname } from 'node:os';
import { inspect } from 'node:util';

export { availableParallelism };

/** `linux`, `darwin`, `win32`, …; `browser` in one. */
export const platform: NodeJS.Platform | 'browser' = process.platform;

export const env: Readonly<Record<string, string | undefined>> = process.env;

/** Of this process, or of this worker. */
export const pid: number = process.pid;

export const hostname: () => string = nodeHostname;

/** What computes here, in words. */
export const engine = `Node.js ${process.versions.node}`;

/** Gives timers, signals and whatever else waits their turn. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** A value that somebody gave by mistake, in a few characters. */
export function shownValue(value: unknown): string {
  return inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 40 });
}
