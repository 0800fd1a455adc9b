import { InvalidArgumentError } from 'commander';
import type { Network } from '../index.js';

/** Bits a second. */
const BANDWIDTHS: Readonly<Record<string, number>> = { bps: 1, kbps: 1e3, Mbps: 1e6, Gbps: 1e9, Tbps: 1e12 };

/** Seconds. */
const TIMES: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1 };

function amount(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, count, unit] = /^(\d+(?:\.\d+)?)\s*([a-zA-Zµ]+)$/.exec(text.trim()) ?? [];
  const size = Object.hasOwn(units, unit ?? '') ? units[unit!] : undefined;
  return size === undefined ? undefined : Number(count) * size;
}

/** A network such as `10Gbps,50us`: bits a second in either direction, and a latency; a third number is that of each further message. */
export function networkOf(text: string): Network {
  const [width, ...times] = text.split(',');
  const bits = amount(width!, BANDWIDTHS);
  const [latency, further] = times.map((time) => amount(time, TIMES));
  const perMessage = times.length === 1 ? latency : further;
  if (bits === undefined || !(bits > 0) || latency === undefined || perMessage === undefined || times.length > 2)
    throw new InvalidArgumentError(
      'Write bandwidth and latency, such as 10Gbps,50us: kbps, Mbps, Gbps or Tbps, and ns, us, ms or s; a third number is the time ' +
        'of each further message.',
    );
  return { bandwidth: bits / 8, latency, perMessage };
}
