import type { DoneEvent, EpochEvent, OverflowEvent, PhaseEvent, StartEvent, StepEvent, TrainEvent, TrainProgress } from '../index.js';
import { COLUMNS } from './epoch-columns.js';
import { formatSteps, leftOutNote } from './epoch-losses.js';
import { printInit } from './init-view.js';
import { progressBar, progressShare } from './live-line.js';
import { formatCount, formatDuration, formatLoss, formatPercent, type Output } from './output.js';

const LONGEST_BAR = 24;
const SHORTEST_BAR = 4;

function formatShare(share: number): string {
  return `${Math.round(100 * share)} %`;
}

/** Below this share of the time that steps wait for data nobody needs to know. */
const SHOWN_SHARE = 0.05;

/** Shows a training run: a progress bar on a terminal, plain lines elsewhere, a table of the epochs at the end. */
export class TrainReport {
  readonly #output: Output;
  readonly #epochs: EpochEvent[] = [];

  constructor(output: Output) {
    this.#output = output;
  }

  /** With `--json` every event is a line on stdout, whatever a person sees on stderr. */
  onEvent(event: TrainEvent): void {
    this.#output.event(event);
    switch (event.event) {
      case 'start':
        this.#start(event);
        break;
      case 'init':
        printInit(event, this.#output);
        break;
      case 'step':
        this.#step(event);
        break;
      case 'epoch':
        this.#epoch(event);
        break;
      case 'warning':
        // The message follows.
        if (event.ends_run === true) break;
        this.#output.error(`warning[${event.code}]: ${event.message}\n = why: ${event.why}\n = fix: ${event.fix}`);
        break;
      case 'overflow':
        this.#output.info(overflowLine(event));
        break;
      case 'replan':
        this.#output.info(
          `step ${event.step}: the run goes on with ${event.pins.map(({ target }) => `${target} in fp32`).join(', ')} ` +
            `(replan-${event.replan}.json)`,
        );
        break;
      case 'phase':
        this.#output.info(phaseLine(event));
        break;
      case 'done':
        this.#output.endProgress();
        if (event.early_stop !== undefined) this.#output.info(earlyLine(event.early_stop));
    }
  }

  onProgress(progress: TrainProgress): void {
    this.#output.progress((columns) => {
      const { what, facts, bar } = layOutProgress(progress, columns);
      const { done, total } = progress;
      return `${what} ${progressBar(done, total, bar)} ${progressShare(done, total)}  ${facts}`;
    });
  }

  /** Ends the display. */
  stop(): void {
    this.#output.endProgress();
  }

  /** Ends the display and sums up the run. */
  finish(): void {
    this.#output.endProgress();
    if (this.#output.quiet || this.#epochs.length === 0) return;
    this.#output.info();
    const columns = COLUMNS.filter(({ isKnown }) => isKnown === undefined || this.#epochs.some(isKnown));
    this.#output.table(
      columns.map(({ title }) => title),
      this.#epochs.map((epoch) => columns.map(({ cell }) => cell(epoch))),
    );
    const note = leftOutNote(this.#epochs);
    if (note !== undefined) this.#output.info(note);
  }

  #start({ model, backend, device, precision, parameters, run }: StartEvent): void {
    const style: Output['style'] = (name, text) => this.#output.style(name, text);
    this.#output.info(`${style('bold', model)}: ${formatCount(parameters)} parameters, ${precision} on ${backend} (${device})`);
    this.#output.info(style('dim', `run: ${run}`));
  }

  #step({ step, epoch, loss, losses, lr, loss_scale, skipped }: StepEvent): void {
    if (this.#output.terminal || this.#output.json) return;
    const parts = [`epoch ${epoch}`, `step ${step}`, `loss ${formatLoss(loss)}${partsOf(losses)}`, `lr ${lr.toPrecision(3)}`];
    if (loss_scale !== 1) parts.push(`scale ${loss_scale}`);
    if (skipped) parts.push('skipped: the gradients overflowed');
    this.#output.info(parts.join('  '));
  }

  #epoch(event: EpochEvent): void {
    this.#epochs.push(event);
    const style: Output['style'] = (name, text) => this.#output.style(name, text);
    const accuracy = event.test_accuracy === null ? '' : `  test accuracy ${style('green', formatPercent(event.test_accuracy))}`;
    const chosen = validationOf(event);
    const skipped = event.skipped_steps > 0 ? `  ${event.skipped_steps} skipped` : '';
    const share = event.data_share ?? 0;
    const waited = share < SHOWN_SHARE ? '' : `  data ${formatShare(share)}`;
    const leftOut = event.left_out_steps ? ` (without ${formatSteps(event.left_out_steps)} whose loss was not finite)` : '';
    const loss = `${formatLoss(event.train_loss)}${partsOf(event.train_losses)}${leftOut}`;
    this.#output.info(
      `epoch ${event.epoch}  loss ${loss}${chosen}  test loss ${formatLoss(event.test_loss)}${accuracy}` +
        `  ${formatCount(Math.round(event.images_per_second))} images/s${waited}${skipped}  ${formatDuration(event.seconds)}`,
    );
  }
}

/** The scores on the images that are kept for choosing. */
function validationOf({ validation_loss: loss, validation_accuracy: accuracy }: EpochEvent): string {
  if (loss === undefined) return '';
  return `  validation loss ${formatLoss(loss)}${typeof accuracy === 'number' ? `  validation accuracy ${formatPercent(accuracy)}` : ''}`;
}

/** The parts of a loss that is a sum of several. */
function partsOf(losses: StepEvent['losses']): string {
  if (losses === undefined) return '';
  const parts = Object.entries(losses).map(([name, loss]) => `${name} ${formatLoss(loss)}`);
  return ` (${parts.join(', ')})`;
}

/** Why a step was skipped. */
function overflowLine({ step, message, loss_scale, keep, times, last }: OverflowEvent): string {
  const again = times > 1 ? ` (${times} times by now)` : '';
  const scale = loss_scale === 1 ? '' : ` at loss scale ${formatCount(loss_scale)}`;
  const hint = keep.length === 0 || times !== 3 ? '' : `; ${keep.map((layer) => `keep ${layer} in fp32`).join(', ')} would avoid it`;
  const rest = last ? '\nfurther skips of this epoch are not looked into' : '';
  return `step ${step} skipped${scale}: ${message}${again}${hint}${rest}`;
}

/** Names that a line shows of those that change. */
const SHOWN_NAMES = 4;

function namesOf(names: readonly string[]): string {
  const rest = names.length - SHOWN_NAMES;
  return rest > 0 ? `${names.slice(0, SHOWN_NAMES).join(', ')} and ${rest} more` : names.join(', ');
}

/** What is frozen from an epoch on, and what is not any more. */
function phaseLine({ step, frozen, trains }: PhaseEvent): string {
  const parts = [
    ...(trains.length === 0 ? [] : [`not frozen any more: ${namesOf(trains)}`]),
    ...(frozen.length === 0 ? [] : [`frozen: ${namesOf(frozen)}`]),
  ];
  return `from step ${step + 1} on ${parts.join('; ')}`;
}

const METRICS = {
  validation_accuracy: 'validation accuracy',
  validation_loss: 'validation loss',
  test_accuracy: 'test accuracy',
  test_loss: 'test loss',
  train_loss: 'train loss',
} as const satisfies Record<NonNullable<DoneEvent['early_stop']>['metric'], string>;

/** Why a run ended before its time. */
function earlyLine({ metric, best, best_epoch, epoch, patience }: NonNullable<DoneEvent['early_stop']>): string {
  const value = metric.endsWith('accuracy') ? formatPercent(best) : formatLoss(best);
  const epochs = patience === 1 ? '1 epoch' : `${patience} epochs`;
  return `early_stop: ended after epoch ${epoch}, ${epochs} behind the best ${METRICS[metric]}, ${value} in epoch ${best_epoch}`;
}

interface Facts {
  readonly what: string;
  readonly facts: string;
}

function describeProgress(progress: TrainProgress, narrow: boolean): Facts {
  const { phase, epoch, epochs, loss, accuracy, leftOut, lossScale, skipped, imagesPerSecond, dataShare, secondsLeft } = progress;
  const facts = [
    `loss ${formatLoss(loss)}${leftOut === 0 ? '' : narrow ? ` (${leftOut} lost)` : ` without ${formatSteps(leftOut)}`}`,
    ...(accuracy === undefined ? [] : [`${narrow ? 'acc' : 'accuracy'} ${(100 * accuracy).toFixed(1)} %`]),
    ...(lossScale === 1 ? [] : [`scale ${lossScale}`]),
    ...(skipped === 0 ? [] : [`${skipped} skipped`]),
    `${formatCount(Math.round(imagesPerSecond))}${narrow ? '/s' : ' images/s'}`,
    ...(dataShare < SHOWN_SHARE ? [] : [`data ${formatShare(dataShare)}`]),
    ...(secondsLeft === undefined ? [] : [`${formatDuration(secondsLeft)} left`]),
  ];
  return { what: phase === 'train' ? `epoch ${epoch}/${epochs}` : 'testing', facts: facts.join(narrow ? ' ' : '  ') };
}

export interface ProgressLine extends Facts {
  /** Length of the bar. */
  readonly bar: number;
}

/** The line for a terminal of so many columns: the bar gives way first, then words are abbreviated. */
export function layOutProgress(progress: TrainProgress, columns: number): ProgressLine {
  // Beside the bar stand its percentage and spaces, and numbers may grow by a digit or two.
  const room = ({ what, facts }: Facts): number => columns - `${what}  100%  ${facts}`.length - 2;
  const wide = describeProgress(progress, false);
  const line = room(wide) >= SHORTEST_BAR ? wide : describeProgress(progress, true);
  return { ...line, bar: Math.min(LONGEST_BAR, Math.max(SHORTEST_BAR, room(line))) };
}
