import {
  checkDataset,
  cleanImages,
  DATASET_NAMES,
  type DatasetReport,
  type DownloadProgress,
  fetchDataset,
  formatBytes,
} from '../../index.js';
import { onInterrupt } from '../interrupt.js';
import { progressBar, progressShare } from '../live-line.js';
import { oneOf, options } from '../options.js';
import { formatCount, formatDuration, type Output } from '../output.js';
import type { AddCommand } from './command.js';
import { addDataViews } from './data-views.js';

interface DataOptions {
  readonly data?: string;
}

export const addData: AddCommand = (program, output, exitWith) => {
  const data = program.command('data').description('look at, fetch and verify data sets');
  addDataViews(data, output);
  const known = `data set: ${DATASET_NAMES.join(', ')}`;

  data
    .command('fetch')
    .description('download a data set, going on where an earlier download stopped, and verify it')
    .argument('<name>', known, oneOf(DATASET_NAMES))
    .addOption(options.data())
    .action(async (name: string, choices: DataOptions) => {
      const interrupt = onInterrupt(output, 'stopping the download; what has arrived is kept');
      const bar = new DownloadBar(output);
      try {
        const report = await fetchDataset(name, choices.data, { signal: interrupt.signal, onProgress: (progress) => bar.update(progress) });
        bar.stop();
        printReport(report, output);
      } catch (error) {
        bar.stop();
        if (!interrupt.signal.aborted) throw error;
        exitWith(interrupt.exitCode);
      } finally {
        interrupt.release();
      }
    });

  data
    .command('verify')
    .description('check a data set and count its images: its bytes where it was fetched by ampc, else sizes and labels')
    .argument('<name>', known, oneOf(DATASET_NAMES))
    .addOption(options.data())
    .action(async (name: string, choices: DataOptions) => {
      printReport(await checkDataset(name, choices.data), output);
    });

  data
    .command('clean')
    .description('remove the decoded pictures that are kept between runs; they are decoded again when they are needed')
    .action(async () => {
      const { folder, bytes } = await cleanImages();
      output.line(bytes === 0 ? 'no decoded pictures are kept' : `${formatBytes(bytes)} removed from ${folder}`);
    });
};

/** A progress bar on a terminal; elsewhere a line for every tenth of the download. */
class DownloadBar {
  readonly #output: Output;
  /** Bytes that were there when it began, and when that was. */
  #first = -1;
  #started = 0;
  #tenths = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  update({ received, total }: DownloadProgress): void {
    if (this.#first < 0) [this.#first, this.#started] = [received, Date.now()];
    if (this.#output.terminal) {
      const size = `${formatBytes(received)}${total === undefined ? '' : ` of ${formatBytes(total)}`}`;
      const left = total === undefined || received <= this.#first ? '' : `  ${this.#left(received, total)} left`;
      this.#output.progress(() =>
        total === undefined ? size : `${progressBar(received, total, 24)} ${progressShare(received, total)}  ${size}${left}`,
      );
      return;
    }
    const tenths = total === undefined ? 0 : Math.floor((10 * received) / total);
    if (tenths <= this.#tenths) return;
    this.#tenths = tenths;
    this.#output.line(`${10 * tenths} % of ${formatBytes(total!)}`);
  }

  #left(received: number, total: number): string {
    return formatDuration(((Date.now() - this.#started) / 1000) * ((total - received) / (received - this.#first)));
  }

  stop(): void {
    this.#output.endProgress();
  }
}

const CHECKED = {
  bytes: 'every byte verified',
  structure: 'sizes and labels verified; no checksums tell whether pixels were changed',
} as const satisfies Readonly<Record<DatasetReport['checked'], string>>;

function printReport(report: DatasetReport, output: Output): void {
  output.line(
    `${report.name}: ${formatCount(report.train)} training and ${formatCount(report.test)} test images, ${CHECKED[report.checked]}`,
  );
  output.line(report.folder === undefined ? 'generated when it is used; nothing is stored' : report.folder);
  output.table(
    ['class', 'train', 'test'],
    report.classes.map((name, label) => [
      name,
      formatCount(report.trainPerClass[label] ?? 0),
      formatCount(report.testPerClass[label] ?? 0),
    ]),
  );
}
