import { csvRow } from '../files/csv-row.js';
import { replaceFile } from '../files/replace-file.js';
import { join } from '../platform/path.js';
import type { TrainEvent } from './events.js';
import { readEvents } from './metrics-file.js';
import type { RunLog, TrainOptions } from './options.js';
import { RUN_FILES, saved } from './run-folder.js';

type Row = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Columns that every file has, in their order; those of further losses and of the rates of groups are behind them. */
const COLUMNS = [
  'event',
  'epoch',
  'step',
  'loss',
  'lr',
  'loss_scale',
  'skipped',
  'train_loss',
  'validation_loss',
  'validation_accuracy',
  'test_loss',
  'test_accuracy',
  'images_per_second',
  'skipped_steps',
  'seconds',
];

function withParts(row: Row, of: string, parts: Readonly<Record<string, number>> | undefined): Row {
  return { ...row, ...Object.fromEntries(Object.entries(parts ?? {}).map(([name, loss]) => [`${of}.${name}`, loss])) };
}

function rowOf(event: TrainEvent): Row | undefined {
  switch (event.event) {
    case 'step': {
      const { losses, group_lr, ...row } = event;
      return withParts(withParts(row, 'loss', losses), 'lr', group_lr);
    }
    case 'epoch': {
      const { train_losses, left_out_steps: _, data_share: _s, ...row } = event;
      return withParts(row, 'train_loss', train_losses);
    }
    case 'done': {
      const { steps: step, early_stop: _, ...row } = event;
      // At the end of an epoch its row has all of it.
      return event.epoch === undefined ? undefined : { ...row, step };
    }
    default:
      return undefined;
  }
}

function cell(value: Row[string]): string {
  if (value === undefined || value === null || (typeof value === 'number' && !Number.isFinite(value))) return '';
  return typeof value === 'boolean' ? String(Number(value)) : String(value);
}

/** Steps and epochs as a table: a row for each line of metrics.jsonl that is of one, and for the end within one. What it lacks is empty. */
export function metricsCsv(events: readonly TrainEvent[]): string {
  const rows = events.map(rowOf).filter((row) => row !== undefined);
  const others = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => !COLUMNS.includes(name));
  const columns = [...COLUMNS, ...others];
  return [columns, ...rows.map((row) => columns.map((name) => cell(row[name])))].map(csvRow).join('');
}

/** Keeps metrics.csv in step with metrics.jsonl, of which it is made: with every epoch, and at the end. */
export class CsvLog implements RunLog {
  private constructor(
    private readonly path: string,
    private readonly events: TrainEvent[],
  ) {}

  /** metrics.jsonl goes on from where the run does. */
  static async open({ run }: Pick<TrainOptions, 'run'>): Promise<CsvLog> {
    const { events } = await readEvents(run);
    return new CsvLog(join(run, RUN_FILES.csv), [...events]);
  }

  async append(event: TrainEvent): Promise<void> {
    this.events.push(event);
    if (event.event === 'epoch' || event.event === 'done') await this.#write();
  }

  async #write(): Promise<void> {
    await saved(this.path, replaceFile(this.path, metricsCsv(this.events)));
  }

  /** An interrupted run has its last steps too. */
  async close(): Promise<void> {
    if (this.events.length > 0) await this.#write();
  }
}
