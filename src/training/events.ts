import type { Monitored } from '../ir/early-stop.js';
import type { Overflow } from './overflow/overflow.js';
import type { StoredPin } from './stored-pins.js';

/** The lines of `--json` and of metrics.jsonl. Losses that are not finite are null there: JSON has no NaN. */
export interface StartEvent {
  readonly event: 'start';
  readonly model: string;
  readonly backend: string;
  readonly device: string;
  readonly precision: string;
  readonly parameters: number;
  readonly run: string;
  /** Images that the run is trained on, and tested, at most; left out: all. */
  readonly limit?: number;
}

/** What the weights of a run that started with `--init` are from; behind the start event. */
export interface InitEvent {
  readonly event: 'init';
  readonly file: string;
  /** Whose order of axes the file has. */
  readonly layout: 'ampc' | 'torch';
  /** The part of a checkpoint that holds the weights: `state_dict`. */
  readonly part?: string;
  /** What a wrapper had put ahead of all names in the file. */
  readonly prefix?: string;
  readonly tensors: readonly {
    readonly name: string;
    /** Its name in the file. */
    readonly from: string;
    readonly by: 'name' | 'map' | 'order';
    /** Of the first axis, where it is a part of a tensor. */
    readonly rows?: readonly [from: number, to: number];
    /** How its axes or features were put in another order. */
    readonly order?: string;
    /** Its type in the file, where that is not F32. */
    readonly dtype?: string;
  }[];
  /** What starts as the `.amp` file says. */
  readonly kept: readonly { readonly name: string; readonly why: string }[];
  /** What is left over of the file, but for counts. */
  readonly unused: readonly { readonly name: string; readonly type: string }[];
}

export interface StepEvent {
  readonly event: 'step';
  /** From 1. */
  readonly step: number;
  readonly epoch: number;
  /** Mean over the step's images; with losses of further values the sum of all, each times its weight. */
  readonly loss: number;
  /** Those losses before their weights: of the model's result under `model`, the others by the names of their values. */
  readonly losses?: Readonly<Record<string, number>>;
  readonly lr: number;
  /** Of groups that have rates of their own, by what their lines are about. */
  readonly group_lr?: Readonly<Record<string, number>>;
  /** The scale that the step used; 1 without loss scaling. */
  readonly loss_scale: number;
  readonly skipped: boolean;
}

/**
 * Scores on the test images besides those of `test_loss` and `test_accuracy`: of the weights themselves, of their averages, or of each
 * image alone.
 */
export interface BesidesScores {
  readonly raw_test_loss?: number;
  readonly raw_test_accuracy?: number | null;
  readonly average_test_loss?: number;
  readonly average_test_accuracy?: number | null;
  readonly plain_test_loss?: number;
  readonly plain_test_accuracy?: number | null;
}

export interface EpochEvent extends BesidesScores {
  readonly event: 'epoch';
  readonly epoch: number;
  /** Mean over the epoch's images, as they were trained, without the steps whose loss was not finite. */
  readonly train_loss: number;
  /** As `losses` of a step. */
  readonly train_losses?: Readonly<Record<string, number>>;
  /** Steps that `train_loss` leaves out; not in lines of older versions. */
  readonly left_out_steps?: number;
  /** On the training images that are kept for choosing, where there are any. */
  readonly validation_loss?: number | null;
  readonly validation_accuracy?: number | null;
  readonly test_loss: number | null;
  /** 0 to 1; null where nothing was tested, or the model results in no classes. */
  readonly test_accuracy: number | null;
  /** Of training alone. */
  readonly images_per_second: number;
  /** Of its time, 0 to 1: in which steps waited for their batches; where batches are made beside the steps, at most. Not in older lines. */
  readonly data_share?: number;
  readonly skipped_steps: number;
  /** Training and evaluation. */
  readonly seconds: number;
}

export interface WarningEvent {
  readonly event: 'warning';
  readonly step: number;
  readonly code: string;
  readonly message: string;
  readonly why: string;
  readonly fix: string;
  /** Whether it is why the run ends. */
  readonly ends_run?: boolean;
  /** Of AMP7301, which ends a run: the epoch's skipped steps, and the loss scale of the last one. */
  readonly skipped_steps?: number;
  readonly loss_scale?: number;
  /** Of AMP7302: the first value that was not finite, in which step, and the layers that a pin to fp32 would help. */
  readonly cause?: Overflow & { readonly step: number; readonly keep: readonly string[] };
}

type Nullable<T> = { readonly [K in keyof T]: T[K] | null };

/** Why a step was skipped, found by running it again. All of `Overflow` is null when it then overflowed nowhere. */
export interface OverflowEvent extends Nullable<Overflow> {
  readonly event: 'overflow';
  readonly step: number;
  readonly epoch: number;
  /** The scale that the step used. */
  readonly loss_scale: number;
  /** How often this value has been the first to overflow, this time included. */
  readonly times: number;
  /** Layers that a pin to fp32 would keep from it; empty where none helps. */
  readonly keep: readonly string[];
  /** Whether the epoch's further skips will not be looked into. */
  readonly last: boolean;
  readonly message: string;
}

/** The run goes on with another plan. */
export interface ReplanEvent {
  readonly event: 'replan';
  /** The last step of the old plan. */
  readonly step: number;
  readonly epoch: number;
  /** From 1; the number in the names of plan-N.txt, the old plan, and replan-N.json, the difference. */
  readonly replan: number;
  readonly value: string;
  readonly pins: readonly StoredPin[];
}

/** Other parameters are frozen from a step on, and the run goes on with the plan of that. */
export interface PhaseEvent {
  readonly event: 'phase';
  /** The last step before it. */
  readonly step: number;
  /** That of the next step, from 1. */
  readonly epoch: number;
  /** Names of what is frozen from here on, and of what is not any more: parameters, and running statistics. */
  readonly frozen: readonly string[];
  readonly trains: readonly string[];
}

export interface DoneEvent extends BesidesScores {
  readonly event: 'done';
  readonly test_accuracy: number | null;
  /** Of the same evaluation; not in lines of older versions. */
  readonly test_loss?: number | null;
  readonly seconds: number;
  readonly steps: number;
  /** Of a run that ends within an epoch, what the line of that epoch would say by then: its number, and the same means and scores. */
  readonly epoch?: number;
  readonly train_loss?: number;
  readonly validation_loss?: number | null;
  readonly validation_accuracy?: number | null;
  /** Of a run that `early_stop` ended: the metric, its best value and the epoch of that, and the epoch that the run ended with. */
  readonly early_stop?: {
    readonly metric: Monitored;
    readonly best: number;
    readonly best_epoch: number;
    readonly epoch: number;
    readonly patience: number;
  };
}

export type TrainEvent =
  | StartEvent
  | InitEvent
  | StepEvent
  | EpochEvent
  | WarningEvent
  | OverflowEvent
  | ReplanEvent
  | PhaseEvent
  | DoneEvent;

/** For a progress display; arrives a few times a second. */
export interface TrainProgress {
  readonly phase: 'train' | 'test';
  /** From 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Of the phase: steps of the epoch, or test images. */
  readonly done: number;
  readonly total: number;
  readonly step: number;
  /** Means over the epoch so far, without the `leftOut` steps whose loss was not finite. */
  readonly loss: number;
  /** None where the model results in no classes. */
  readonly accuracy?: number;
  readonly leftOut: number;
  readonly lossScale: number;
  readonly skipped: number;
  readonly imagesPerSecond: number;
  /** As `data_share` of an epoch, of this one so far. */
  readonly dataShare: number;
  /** Until the end of the run; undefined before it can be told. */
  readonly secondsLeft: number | undefined;
}
