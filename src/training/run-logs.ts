import type { Batcher } from './data/batcher.js';
import type { TrainEvent, WarningEvent } from './events.js';
import type { EpochStates, RunLog, TrainOptions } from './options.js';
import { writes } from './ranks.js';
import { type LogPosition, MetricsLog } from './run-folder.js';

/** metrics.jsonl, and what else a run is recorded in. */
export class RunLogs {
  private constructor(
    private readonly metrics: MetricsLog | undefined,
    private readonly others: readonly RunLog[],
  ) {}

  static async open(options: TrainOptions, batcher: Batcher, resumed: LogPosition | undefined): Promise<RunLogs> {
    if (!writes(options.ranks)) return new RunLogs(undefined, []);
    const metrics = await MetricsLog.open(options.run, resumed);
    const others: RunLog[] = [];
    for (const open of options.logs ?? []) others.push(await open(options, batcher, resumed));
    return new RunLogs(metrics, others);
  }

  /** The warning that ended the run which goes on, if one did. */
  get endedBy(): WarningEvent | undefined {
    return this.metrics?.endedBy;
  }

  /** `step`: optimizer steps taken by then. */
  async append(event: TrainEvent, step: number): Promise<void> {
    await this.metrics?.append(event);
    for (const log of this.others) await log.append(event, step);
  }

  async epoch(states: EpochStates): Promise<void> {
    for (const log of this.others) await log.epoch?.(states);
  }

  async finish(...of: Parameters<NonNullable<RunLog['finish']>>): Promise<void> {
    for (const log of this.others) await log.finish?.(...of);
  }

  async close(): Promise<void> {
    await this.metrics?.close();
    for (const log of this.others) await log.close();
  }
}
