import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, notKept, openCache } from '../files/cache-folder.js';
import { readOwnFile } from '../files/own-file.js';
import { replaceFile } from '../files/replace-file.js';
import type { MeasuredNetwork } from '../plan/network.js';

const NAME = 'network.json';

const isAmount = (value: unknown, from: number): boolean => typeof value === 'number' && Number.isFinite(value) && value >= from;

function networkIn(text: string): MeasuredNetwork | undefined {
  try {
    const { bandwidth, latency, perMessage, measured } = JSON.parse(text) as MeasuredNetwork;
    const { ranks, machines, library, at } = measured;
    const isWhole = isAmount(bandwidth, 1) && [latency, perMessage].every((time) => isAmount(time, 0));
    if (!isWhole || !isAmount(ranks, 2) || !isAmount(machines, 1) || typeof library !== 'string' || typeof at !== 'string')
      return undefined;
    return { bandwidth, latency, perMessage, measured: { ranks, machines, library, at } };
  } catch {
    return undefined;
  }
}

/** What `ampc tune --network` measured last; undefined where nothing was, and where what is kept is damaged or can be changed by others. */
export async function keptNetwork(): Promise<MeasuredNetwork | undefined> {
  const folder = cacheFolder('costs');
  const bytes = folder === undefined ? undefined : await readOwnFile(join(folder, NAME));
  return bytes === undefined ? undefined : networkIn(bytes.toString('utf8'));
}

/** Keeps what was measured beside the tables of costs; the file, or undefined where it cannot be kept, which `onNotice` is told. */
export async function keepNetwork(network: MeasuredNetwork, onNotice?: (text: string) => void): Promise<string | undefined> {
  try {
    const path = join(await openCache('costs'), NAME);
    if ((await readOwnFile(path)) === undefined) await rm(path, { recursive: true, force: true });
    await replaceFile(path, `${JSON.stringify(network, undefined, 2)}\n`);
    await chmod(path, 0o600);
    return path;
  } catch (error) {
    onNotice?.(notKept(error, 'what was measured is'));
    return undefined;
  }
}
