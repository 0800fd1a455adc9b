import type { FoundPin } from '../ir/pin.js';
import type { Recipe } from '../ir/program.js';
import type { Plan } from '../plan/plan.js';
import type { Executable } from '../runtime/backend.js';
import type { Batcher } from './data/batcher.js';
import type { Dataset } from './data/dataset.js';
import type { TrainEvent, TrainProgress } from './events.js';
import type { InitOptions } from './init/load.js';
import type { Overflow } from './overflow/overflow.js';
import type { Steering } from './ranks.js';
import type { RunClaim } from './run-claim.js';
import type { LogPosition, RunContents } from './run-folder.js';
import type { StateValues } from './states.js';

export interface TrainOptions extends Steering {
  readonly plan: Plan;
  /** The plan, loaded on a device. Its states are overwritten. */
  readonly executable: Executable;
  readonly recipe: Recipe;
  readonly dataset: Dataset;
  /** Run folder; created when missing. */
  readonly run: string;
  /** That folder, where the caller has it already and gives it back; by default it is claimed for the time of the training. */
  readonly claim?: RunClaim;
  /** What a new run's folder keeps besides its results. */
  readonly contents?: RunContents;
  /** Shown in the start event. */
  readonly device?: string;
  /** Default: the recipe's. */
  readonly epochs?: number;
  /** Stop after this many optimizer steps; the schedule is still that of all epochs. */
  readonly maxSteps?: number;
  /** So many of the best weights are kept, besides those of best.safetensors. */
  readonly keepBest?: number;
  /** Shown in the start event: the images that the data set was cut to. */
  readonly limit?: number;
  /** Continue from the run folder's checkpoint. */
  readonly resume?: boolean;
  /** File with the weights to start from, and how they are found in it. */
  readonly init?: InitOptions & { readonly path: string };
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
  /** The run waits for what it returns. */
  readonly onEvent?: (event: TrainEvent) => unknown;
  readonly onProgress?: (progress: TrainProgress) => void;
  /** Told what a person should know who goes on with the run. */
  readonly onNotice?: (text: string) => void;
  /** Opens what the run is recorded in beside metrics.jsonl. */
  readonly logs?: readonly OpenLog[];
  /** Loads another plan on the same device: what overflowed in a skipped step is measured with it. */
  readonly load?: (plan: Plan) => Promise<Executable>;
  /** Pins of the plan that the file does not have; kept in the checkpoint. */
  readonly pins?: readonly FoundPin[];
  /**
   * A resumed run's config.json does not say what it goes on with: other rates or epochs, or pins that it took just before it was cut off.
   */
  readonly contentsAreNew?: boolean;
  /** Of a resumed run, as it was started: what a checkpoint of an older version does not have. */
  readonly epochsBefore?: number;
  readonly replanner?: Replanner;
  /** Take another plan after a value was the first to overflow so many times; by default never. */
  readonly replanAfter?: number;
}

/** The model behind an epoch. */
export interface EpochStates extends Omit<LogPosition, 'planFrom'> {
  readonly plan: Plan;
  readonly states: StateValues;
}

/** A record of a run beside metrics.jsonl. */
export interface RunLog {
  /** `step`: optimizer steps taken by then. Throws UserError AMP7209. */
  append(event: TrainEvent, step: number): Promise<void>;
  /** Behind the event of an epoch. */
  epoch?(states: EpochStates): Promise<void>;
  /** The run has come to its end; the executable has its last states. */
  finish?(of: { readonly plan: Plan; readonly executable: Executable }, step: number): Promise<void>;
  close(): Promise<void>;
}

/** `resumed`: of a run that goes on. */
export type OpenLog = (options: TrainOptions, batcher: Batcher, resumed: LogPosition | undefined) => Promise<RunLog>;

/** A plan that takes over from another. Its executable has no states yet. */
export interface Replanned {
  readonly plan: Plan;
  readonly executable: Executable;
  readonly recipe: Recipe;
  readonly pins: readonly FoundPin[];
  readonly contents: RunContents;
  /** What the new plan does differently, for replan-N.json. */
  readonly diff: unknown;
}

/** Knows how the run's plan was made. */
export interface Replanner {
  /** Layers to keep in f32 so that the value is no longer in a format that overflows; empty where no pin does it. */
  advise(overflow: Overflow): readonly string[];
  /** Makes and loads the plan with these further pins; from then on it is the run's plan. */
  adopt(pins: readonly FoundPin[]): Promise<Replanned>;
  /** Where in the run, in epochs from its begin, other parameters are frozen than before; ascending, not always whole. */
  readonly phases: readonly number[];
  /** Makes and loads the plan from such a place on; from then on it is the run's plan. */
  enter(phase: number): Promise<Replanned>;
}

export interface TrainResult {
  readonly interrupted: boolean;
  /** Of several ranks that were interrupted: for all the exit code of the signal that one of them got; the reason of its abort has it. */
  readonly exitCode?: number;
  /** Optimizer steps of the whole run, skipped ones too. */
  readonly steps: number;
  readonly epochs: number;
  /** Of the last evaluation, 0 to 1; none where the model results in no classes. */
  readonly testAccuracy: number | undefined;
  readonly testLoss: number | undefined;
  readonly bestAccuracy: number | undefined;
  /** Of the whole run, resumed parts included. */
  readonly seconds: number;
}
