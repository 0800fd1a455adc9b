import { type FileHandle, open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { boardGraph } from '../interchange/tensorboard/graph.js';
import { histogramOf } from '../interchange/tensorboard/histogram.js';
import { encodeRecord } from '../interchange/tensorboard/records.js';
import { type BoardEvent, type BoardValue, encodeEvent, encodeGraph } from '../interchange/tensorboard/schema.js';
import type { Plan } from '../plan/plan.js';
import type { Executable } from '../runtime/backend.js';
import { nextBoardFile } from './board-files.js';
import { mistakeImages } from './board-images.js';
import type { Batcher } from './data/batcher.js';
import type { DoneEvent, EpochEvent, StepEvent, TrainEvent } from './events.js';
import { parameterGradients } from './gradients.js';
import type { EpochStates, RunLog, TrainOptions } from './options.js';
import { type LogPosition, saved } from './run-folder.js';
import { countsCorrect, findFunction, modelStates } from './states.js';

const BEGINS = 1;

export interface BoardOptions {
  /** Whether weights and gradients are told after each epoch. */
  readonly histograms: boolean;
}

type Scalars = Readonly<Record<string, number | null | undefined>>;

function partsOf(tag: string, parts: Readonly<Record<string, number>> | undefined): Scalars {
  return Object.fromEntries(Object.entries(parts ?? {}).map(([name, loss]) => [`${tag}/${name}`, loss]));
}

function scalarsOfStep({ loss, losses, lr, group_lr, loss_scale, skipped }: StepEvent): Scalars {
  const parts = partsOf('train/loss', losses);
  const rates = partsOf('train/lr', group_lr);
  return { 'train/loss': loss, ...parts, 'train/lr': lr, ...rates, 'train/loss_scale': loss_scale, 'train/skipped': Number(skipped) };
}

function scalarsOfMeans(event: EpochEvent | DoneEvent): Scalars {
  return {
    'epoch/train_loss': event.train_loss,
    'epoch/validation_loss': event.validation_loss,
    'epoch/validation_accuracy': event.validation_accuracy,
    'epoch/raw_test_loss': event.raw_test_loss,
    'epoch/raw_test_accuracy': event.raw_test_accuracy,
    'epoch/average_test_loss': event.average_test_loss,
    'epoch/average_test_accuracy': event.average_test_accuracy,
    'epoch/plain_test_loss': event.plain_test_loss,
    'epoch/plain_test_accuracy': event.plain_test_accuracy,
    'epoch/test_loss': event.test_loss,
    'epoch/test_accuracy': event.test_accuracy,
  };
}

function scalarsOfEpoch(event: EpochEvent): Scalars {
  return {
    ...scalarsOfMeans(event),
    ...partsOf('epoch/train_loss', event.train_losses),
    'epoch/images_per_second': event.images_per_second,
    'epoch/skipped_steps': event.skipped_steps,
  };
}

/** What an event says in numbers, and at which step; undefined of one that has none. */
function scalarsOf(event: TrainEvent, step: number): { readonly step: number; readonly scalars: Scalars } | undefined {
  switch (event.event) {
    case 'step':
      return { step: event.step, scalars: scalarsOfStep(event) };
    case 'overflow':
      return { step: event.step, scalars: { 'train/skipped': 1, 'train/loss_scale': event.loss_scale } };
    case 'epoch':
      return { step, scalars: scalarsOfEpoch(event) };
    case 'done':
      // At the end of an epoch its own event has told all of it.
      return event.epoch === undefined ? undefined : { step, scalars: scalarsOfMeans(event) };
    default:
      return undefined;
  }
}

/**
 * Records a run for TensorBoard. Every process that trains it has a file of its own in the run's folder: what a crash cut off is left as it
 * is, and the next file begins with the step that the run goes on from, before which TensorBoard drops what came later.
 */
export class BoardLog implements RunLog {
  #file: FileHandle | undefined;

  private constructor(
    private readonly path: string,
    private readonly options: TrainOptions,
    private readonly batcher: Batcher,
    private readonly resumed: LogPosition | undefined,
    private readonly board: BoardOptions,
  ) {}

  static async open(options: TrainOptions, batcher: Batcher, resumed: LogPosition | undefined, board: BoardOptions): Promise<BoardLog> {
    const name = await nextBoardFile(options.run, hostname(), process.pid);
    return new BoardLog(join(options.run, name), options, batcher, resumed, board);
  }

  async append(event: TrainEvent, step: number): Promise<void> {
    const found = scalarsOf(event, step);
    if (found === undefined) return;
    const values = Object.entries(found.scalars).flatMap(([tag, value]): BoardValue[] =>
      value === undefined || value === null ? [] : [{ tag, simpleValue: value }],
    );
    await this.#write({ step: found.step, summary: { value: values } });
  }

  async epoch({ plan, states, step, epochs }: EpochStates): Promise<void> {
    if (!this.board.histograms) return;
    const values: BoardValue[] = [];
    const add = (tag: string, numbers: ArrayLike<number> | undefined) => {
      const histo = numbers instanceof Float32Array ? histogramOf(numbers) : undefined;
      if (histo !== undefined) values.push({ tag, histo });
    };
    for (const { name } of modelStates(plan)) add(`weights/${name}`, states.get(name));
    const { load } = this.options;
    if (load !== undefined)
      for (const [name, gradient] of await parameterGradients({ plan, states, load, batcher: this.batcher, epoch: epochs, step }))
        add(`gradients/${name}`, gradient);
    await this.#write({ step, summary: { value: values } });
  }

  async finish({ plan, executable }: { readonly plan: Plan; readonly executable: Executable }, step: number): Promise<void> {
    const { dataset, signal } = this.options;
    if (!countsCorrect(plan)) return;
    const value = await mistakeImages(executable, plan, dataset, signal);
    if (value.length > 0) await this.#write({ step, summary: { value } });
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  async #write(event: Omit<BoardEvent, 'wallTime'>): Promise<void> {
    this.#file ??= await this.#begin();
    await this.#append(this.#file, event);
  }

  #append(file: FileHandle, event: Omit<BoardEvent, 'wallTime'>): Promise<void> {
    return saved(this.path, file.appendFile(encodeRecord(encodeEvent({ wallTime: Date.now() / 1000, ...event }))));
  }

  async #begin(): Promise<FileHandle> {
    const file = await saved(this.path, open(this.path, 'a'));
    await this.#append(file, { fileVersion: 'brain.Event:2' });
    const { graph } = findFunction(this.options.plan, 'train_step')!;
    if (this.resumed === undefined) await this.#append(file, { graphDef: encodeGraph(boardGraph(graph)) });
    else await this.#append(file, { step: this.resumed.step + 1, sessionLog: { status: BEGINS } });
    return file;
  }
}
