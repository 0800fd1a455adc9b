import type { Recipe } from '../ir/program.js';
import type { FunctionName, Plan } from '../plan/plan.js';
import type { Executable } from '../runtime/backend.js';
import type { Dataset } from './data/dataset.js';
import type { TrainEvent, TrainProgress } from './events.js';
import type { RunContents } from './run-folder.js';

export interface TrainOptions {
  readonly plan: Plan;
  /** The plan, loaded on a device. Its states are overwritten. */
  readonly executable: Executable;
  readonly recipe: Recipe;
  readonly dataset: Dataset;
  /** Run folder; created when missing. */
  readonly run: string;
  /** What a new run's folder keeps besides its results. */
  readonly contents?: RunContents;
  /** Shown in the start event. */
  readonly device?: string;
  /** Default: the recipe's. */
  readonly epochs?: number;
  /** Stop after this many optimizer steps; the schedule is still that of all epochs. */
  readonly maxSteps?: number;
  /** A resumed run that is at `maxSteps` already goes on to its end. */
  readonly passedStopIsNone?: boolean;
  /** Continue from the run folder's checkpoint. */
  readonly resume?: boolean;
  /** Safetensors file with the weights to start from. */
  readonly init?: string;
  /** A step event for step 1 and every so many steps; default 50. */
  readonly logEvery?: number;
  readonly shuffle?: boolean;
  readonly augment?: boolean;
  /** Measure the test set after every epoch; default true. */
  readonly evaluate?: boolean;
  /** Checkpoint every so many steps, besides those at the end of epochs; default: by time. */
  readonly checkpointSteps?: number;
  /** Checkpoint after so many seconds since the last one; default 30. Not used with `checkpointSteps`. */
  readonly checkpointSeconds?: number;
  /** Aborting it ends the run after the running step, with a checkpoint. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
  readonly onProgress?: (progress: TrainProgress) => void;
  /** The plan line of a node, for the message of the abort rule. */
  readonly describeNode?: (fn: FunctionName, node: number) => string;
}

export interface TrainResult {
  readonly interrupted: boolean;
  /** Optimizer steps of the whole run, skipped ones too. */
  readonly steps: number;
  readonly epochs: number;
  /** Of the last evaluation, 0 to 1. */
  readonly testAccuracy: number | undefined;
  readonly testLoss: number | undefined;
  readonly bestAccuracy: number | undefined;
  /** Of the whole run, resumed parts included. */
  readonly seconds: number;
}
