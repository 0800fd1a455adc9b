import { BYTES } from '../ir/types.js';
import { type CostTable, type FunctionTimes, functionTimes, stepCalls } from './cost-table.js';
import { type ExchangeReport, exchangeReports } from './exchanges.js';
import { trainStep } from './facts.js';
import type { FunctionName, Plan, PlanFunction } from './plan.js';

/** What connects ranks, in both directions at once: every rank has a link of its own. */
export interface Network {
  /** Bytes a second, in either direction. */
  readonly bandwidth: number;
  /** Seconds from when a message leaves until it is there, without its bytes. */
  readonly latency: number;
  /** Seconds that each further message to or from a rank takes besides; where nothing better is known, the latency. */
  readonly perMessage: number;
}

/** A network, and where it was measured; `at`: when, as ISO 8601 has it. */
export interface MeasuredNetwork extends Network {
  readonly measured: { readonly ranks: number; readonly machines: number; readonly library: string; readonly at: string };
}

/** One bucket on its way. Milliseconds; null where the kernels' times are not known. */
export interface ExchangeTime {
  readonly function: FunctionName;
  readonly bucket: number;
  readonly ms: number;
  /** Computing between its start and the first kernel that waits for it. */
  readonly behindMs: number | null;
  /** Of its time, what passes while the rank computes, and what it stands still for. */
  readonly hiddenMs: number | null;
  readonly waitMs: number | null;
}

/** A step of so many ranks. Milliseconds; null where the kernels' times are not known. */
export interface ScalePoint {
  readonly ranks: number;
  /** Of all ranks together. */
  readonly images: number;
  readonly exchangeMs: number;
  readonly computeMs: number | null;
  readonly waitMs: number | null;
  readonly stepMs: number | null;
  readonly imagesPerSecond: number | null;
  /** Images a second for each rank, as a share of those of one that is alone. */
  readonly efficiency: number | null;
}

export interface NetworkReport extends Network {
  /** Where its numbers come from; null: they were named. */
  readonly measured: MeasuredNetwork['measured'] | null;
  /** Of each function that an optimizer step calls. */
  readonly exchanges: readonly ExchangeTime[];
  /** Images that each rank has in a step, however many ranks there are. */
  readonly imagesPerRank: number;
  /** With one rank, and with powers of two and what the plan has, in order: each has as many images as here. */
  readonly scaling: readonly ScalePoint[];
  /** The same for the batch of the file, of which each rank takes a part; empty where plans of other numbers of ranks are not at hand. */
  readonly sameBatch: readonly ScalePoint[];
}

const MOST_RANKS = 1024;

/**
 * Seconds of an all-reduce as the runtime has it: each rank sends all others their stretch of what it has, adds up its own, and sends that
 * sum to all others. So a rank takes N - 1 messages, twice; they come one behind the other, all of the longest stretch. Adding up is local,
 * and not counted.
 */
export function exchangeSeconds({ bytes, wire }: Pick<ExchangeReport, 'bytes' | 'wire'>, ranks: number, network: Network): number {
  if (ranks === 1) return 0;
  const stretch = Math.ceil(bytes / BYTES[wire] / ranks) * BYTES[wire];
  const others = ranks - 1;
  return 2 * (network.latency + (others - 1) * network.perMessage + (others * stretch) / network.bandwidth);
}

interface Transfer {
  readonly seconds: number;
  readonly behind: number;
  readonly from: number;
  readonly until: number;
  wait: number;
}

interface Call {
  readonly compute: number;
  readonly wait: number;
  readonly transfers: readonly Transfer[];
}

/** One call on the clock of a rank: buckets travel one after the other while it computes, and a kernel that reads one waits for it. */
function runCall(
  fn: PlanFunction,
  exchanges: readonly ExchangeReport[],
  times: FunctionTimes,
  secondsOf: (of: ExchangeReport) => number,
): Call {
  const durations = fn.groups.map(({ name }) => times.groups.get(name)!);
  const transfers: Transfer[] = [];
  let [clock, compute, wait, free] = [times.outside, times.outside, 0, 0];
  const standStill = (until: number): void => {
    if (until <= clock) return;
    for (const one of transfers) one.wait += Math.max(0, Math.min(until, one.until) - Math.max(clock, one.from));
    wait += until - clock;
    clock = until;
  };
  for (const [index, duration] of durations.entries()) {
    for (const [number, { end }] of exchanges.entries()) if (end === index) standStill(transfers[number]!.until);
    clock += duration;
    compute += duration;
    const started = exchanges.find(({ start }) => start === index);
    if (started === undefined) continue;
    const seconds = secondsOf(started);
    const from = Math.max(clock, free);
    free = from + seconds;
    const behind = durations.slice(started.start + 1, started.end).reduce((sum, one) => sum + one, 0);
    transfers.push({ seconds, behind, from, until: free, wait: 0 });
  }
  standStill(free);
  return { compute, wait, transfers };
}

type Point = Omit<ScalePoint, 'efficiency'>;

function scalePoint(
  plan: Plan,
  accumulate: number,
  ranks: number,
  network: Network,
  table: CostTable | undefined,
  images = ranks * imagesPerRank(plan, accumulate),
): Point {
  const reports = exchangeReports(plan);
  let [exchange, compute, wait] = [0, 0, 0];
  for (const [fn, calls] of stepCalls(plan, accumulate)) {
    const own = reports.filter((report) => report.function === fn.name);
    const secondsOf = (report: ExchangeReport) => exchangeSeconds(report, ranks, network);
    exchange += calls * own.reduce((sum, report) => sum + secondsOf(report), 0);
    if (table === undefined) continue;
    const times = functionTimes(fn, table);
    const call = runCall(fn, own, times, secondsOf);
    // One that is alone has no bucket to pack.
    const packing = ranks > 1 ? 0 : own.reduce((sum, { kernel }) => sum + times.groups.get(kernel)!, 0);
    compute += calls * (call.compute - packing);
    wait += calls * call.wait;
  }
  const step = compute + wait;
  const known = table !== undefined;
  return {
    ranks,
    images,
    exchangeMs: exchange * 1000,
    computeMs: known ? compute * 1000 : null,
    waitMs: known ? wait * 1000 : null,
    stepMs: known ? step * 1000 : null,
    imagesPerSecond: known ? images / step : null,
  };
}

function imagesPerRank(plan: Plan, accumulate: number): number {
  return trainStep(plan).batch * accumulate;
}

function exchangeTimes(plan: Plan, accumulate: number, network: Network, table: CostTable | undefined): readonly ExchangeTime[] {
  const reports = exchangeReports(plan);
  return stepCalls(plan, accumulate).flatMap(([fn]) => {
    const own = reports.filter((report) => report.function === fn.name);
    const secondsOf = (report: ExchangeReport) => exchangeSeconds(report, report.ranks, network);
    const transfers = table && runCall(fn, own, functionTimes(fn, table), secondsOf).transfers;
    return own.map((report, index): ExchangeTime => {
      const { function: name, bucket } = report;
      const one = transfers?.[index];
      if (one === undefined) return { function: name, bucket, ms: secondsOf(report) * 1000, behindMs: null, hiddenMs: null, waitMs: null };
      const [ms, behindMs, waitMs] = [one.seconds * 1000, one.behind * 1000, one.wait * 1000];
      return { function: name, bucket, ms, behindMs, hiddenMs: Math.max(0, ms - waitMs), waitMs };
    });
  });
}

/** Numbers of ranks for which steps are predicted: powers of two, and what the plan has. */
export function rankCounts(plan: Plan): readonly number[] {
  const powers = Array.from({ length: Math.log2(MOST_RANKS) + 1 }, (_, power) => 2 ** power);
  return [...new Set([...powers, ranksOf(plan)])].sort((a, b) => a - b);
}

function ranksOf(plan: Plan): number {
  return exchangeReports(plan)[0]?.ranks ?? 1;
}

function withEfficiency(points: readonly Point[]): readonly ScalePoint[] {
  const alone = points[0]?.imagesPerSecond ?? null;
  return points.map((point) => ({ ...point, efficiency: alone === null ? null : point.imagesPerSecond! / point.ranks / alone }));
}

/** Plans of the rank with the most images, by how many ranks there are, and the images of all in a step. */
export interface SameBatch {
  readonly plans: ReadonlyMap<number, Plan>;
  readonly images: number;
}

/**
 * What the exchanges of a plan of several ranks take over a network, what of that passes behind computing, and what more ranks would come
 * to: if each had as many images as here, and if they shared the batch of the file.
 */
export function networkReport(
  plan: Plan,
  accumulate: number,
  network: Network & Partial<MeasuredNetwork>,
  table: CostTable | undefined,
  same?: SameBatch,
): NetworkReport {
  const { bandwidth, latency, perMessage, measured = null } = network;
  return {
    ...{ bandwidth, latency, perMessage, measured },
    exchanges: exchangeTimes(plan, accumulate, network, table),
    imagesPerRank: imagesPerRank(plan, accumulate),
    scaling: withEfficiency(rankCounts(plan).map((ranks) => scalePoint(plan, accumulate, ranks, network, table))),
    sameBatch: withEfficiency(
      [...(same?.plans ?? [])].map(([ranks, other]) => scalePoint(other, accumulate, ranks, network, table, same!.images)),
    ),
  };
}
