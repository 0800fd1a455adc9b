import { type ExchangeTime, formatBytes, type NetworkReport, type PlanReport } from '../index.js';
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
function printScaling({ bandwidth, latency, perMessage, imagesPerRank, scaling }: NetworkReport, ranks: number, output: Output): void {
  const here = scaling.find((point) => point.ranks === ranks)!;
  const messages = `a message ${formatLatency(latency)}${perMessage === latency ? '' : `, each further one ${formatLatency(perMessage)}`}`;
  const { exchangeMs, waitMs, stepMs } = here;
  const known = waitMs !== null && stepMs !== null;
  const rest = known
    ? `computing hides ${formatMs(exchangeMs - waitMs)} of it, and ${formatMs(waitMs)} of a step of ` +
      `${output.style('bold', formatMs(stepMs))} is waiting`
    : 'what of it computing hides is not known: name a table of costs (--costs), or let ampc tune measure this machine';
  output.line(`over ${formatBandwidth(bandwidth)}, ${messages}: exchanges take ${formatMs(exchangeMs)} a step; ${rest}`);
  output.table(
    ['ranks', 'images', 'exchanges', ...(known ? ['computing', 'waiting', 'step', 'images/s', 'efficiency', ''] : [])],
    scaling.map((point) => [
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
  const images = imagesPerRank === 1 ? '1 image' : `${imagesPerRank} images`;
  output.line(output.style('dim', `each rank has ${images} a step however many there are: the batch grows with the ranks`));
  output.line();
}
