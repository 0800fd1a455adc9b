import { type ExchangeTime, formatBytes, type Network, type NetworkReport, type PlanReport, type ScalePoint } from '../index.js';
import { formatCount, formatMs, type Output } from './output.js';

/** Characters of the curve's highest point. */
const CURVE = 24;

const shown = (ms: number | null): string => (ms === null ? '-' : formatMs(ms));

/** Bits a second as networks are sold. */
function formatBandwidth(bytes: number): string {
  const [unit, size] = bytes >= 125e6 ? ['Gbit/s', 125e6] : ['Mbit/s', 125e3];
  return `${Number((bytes / size).toPrecision(4))} ${unit}`;
}

function formatLatency(seconds: number): string {
  return `${Number((seconds * 1e6).toPrecision(4))} us`;
}

/** What ranks exchange in a step, where there are several. */
export function printExchanges({ exchanges, network }: PlanReport, output: Output): void {
  const own = exchanges.filter((exchange) => exchange.function === 'train_step');
  const [first] = own;
  if (first === undefined) return;
  const times = new Map((network?.exchanges ?? []).filter((time) => time.function === 'train_step').map((time) => [time.bucket, time]));
  const timed = (bucket: number): readonly string[] => {
    const time: ExchangeTime | undefined = times.get(bucket);
    return time === undefined ? [] : [shown(time.ms), shown(time.behindMs), shown(time.hiddenMs), shown(time.waitMs)];
  };
  output.table(
    [
      ...['exchange', 'on the wire', 'bytes', 'each rank sends'],
      ...(network === null ? [] : ['takes', 'computing behind it', 'hidden', 'waited for']),
      ...['behind', 'awaited by', 'values'],
    ],
    own.map(({ bucket, wire, bytes, sentBytes, after, awaitedBy, values }) => [
      String(bucket),
      wire,
      formatBytes(bytes),
      formatBytes(sentBytes),
      ...timed(bucket),
      after ?? '-',
      awaitedBy ?? 'the end',
      `${values.slice(0, 2).join(', ')}${values.length > 2 ? `, … ${values.length} in all` : ''}`,
    ]),
  );
  const sent = own.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  output.line(
    output.style(
      'dim',
      `${first.ranks} ranks: each sends ${formatBytes(sent)} a step, and sums are taken in f32 in the order of the ranks`,
    ),
  );
  output.line();
  if (network !== null) printScaling(network, first.ranks, output);
}

/** What a step comes to with the ranks of the plan, and with others. */
function printScaling(network: NetworkReport, ranks: number, output: Output): void {
  const { imagesPerRank, measured, scaling, sameBatch } = network;
  const { exchangeMs, waitMs, stepMs } = scaling.find((point) => point.ranks === ranks)!;
  const rest =
    waitMs === null || stepMs === null
      ? 'what of it computing hides is not known: name a table of costs (--costs), or let ampc tune measure this machine'
      : `computing hides ${formatMs(exchangeMs - waitMs)} of it, and ${formatMs(waitMs)} of a step of ` +
        `${output.style('bold', formatMs(stepMs))} is waiting`;
  output.line(`over ${formatNetwork(network)}: exchanges take ${formatMs(exchangeMs)} a step; ${rest}`);
  if (measured !== null) output.line(output.style('dim', measuredText(measured)));
  const images = imagesPerRank === 1 ? '1 image' : `${imagesPerRank} images`;
  printPoints(scaling, `each rank has ${images} a step however many there are: the batch grows with the ranks`, output);
  const [first] = sameBatch;
  if (first !== undefined)
    printPoints(sameBatch, `the batch of ${formatCount(first.images)} images stays: each rank has its part of it`, output);
}

/** `ampc tune --network` on 4 ranks of 2 machines. */
export function measuredText({ ranks, machines, library, at }: NonNullable<NetworkReport['measured']>): string {
  const where =
    machines === 1 ? 'on one machine, so that it says nothing of a network between machines' : `on ${formatCount(machines)} machines`;
  const day = at.slice(0, 10);
  return `measured by ampc tune --network, ${day}: ${formatCount(ranks)} ranks of ${library} ${where}; --network names another one`;
}

/** `10 Gbit/s, a message 50 us, each further one 20 us`. */
export function formatNetwork({ bandwidth, latency, perMessage }: Network): string {
  const further = perMessage === latency ? '' : `, each further one ${formatLatency(perMessage)}`;
  return `${formatBandwidth(bandwidth)}, a message ${formatLatency(latency)}${further}`;
}

function printPoints(points: readonly ScalePoint[], note: string, output: Output): void {
  const known = points.every(({ efficiency }) => efficiency !== null);
  output.table(
    ['ranks', 'images', 'exchanges', ...(known ? ['computing', 'waiting', 'step', 'images/s', 'efficiency', ''] : [])],
    points.map((point) => [
      formatCount(point.ranks),
      formatCount(point.images),
      formatMs(point.exchangeMs),
      ...(point.efficiency === null
        ? []
        : [
            ...[point.computeMs, point.waitMs, point.stepMs].map(shown),
            formatCount(Math.round(point.imagesPerSecond!)),
            `${(100 * point.efficiency).toFixed(1)} %`,
            '█'.repeat(Math.round(CURVE * point.efficiency)),
          ]),
    ]),
  );
  output.line(output.style('dim', note));
  output.line();
}
