export const availableParallelism = (): number => navigator.hardwareConcurrency;

export const platform = 'browser';

export const env: Readonly<Record<string, string | undefined>> = {};

/** A worker has no id; what runs elsewhere is told from it by this one. */
export const pid = 1 + Math.floor(Math.random() * 0x7fff_fffe);

export const hostname = (): string => 'browser';

export const engine = 'the browser';

const turns: (() => void)[] = [];
const channel = new MessageChannel();
channel.port1.onmessage = () => turns.shift()?.();

/** A message, not a timer: browsers make those of a few milliseconds longer. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    turns.push(resolve);
    channel.port2.postMessage(undefined);
  });
}

export function shownValue(value: unknown): string {
  return typeof value === 'object' ? Object.prototype.toString.call(value) : String(value).slice(0, 40);
}
