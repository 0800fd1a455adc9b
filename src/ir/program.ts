import type { Augmentation } from '../datasets/augmentation.js';
import type { Split } from '../datasets/registry.js';
import type { DataSource, DataSplit, ImageSize } from '../datasets/source.js';
import type { Diagnostic } from '../diagnostics/diagnostic.js';
import type { AverageSpec } from './average.js';
import type { EarlyStopSpec } from './early-stop.js';
import type { FurtherInput } from './graph-names.js';
import type { LossScaling } from './loss-scaling.js';
import type { OptimizerSpec } from './optimizer.js';
import type { ParameterKind } from './parameter-kinds.js';
import type { Pin } from './pin.js';
import type { RankShare, Ranks } from './ranks.js';
import type { TestTimes } from './test-times.js';
import type { ComputeType, Graph, LowType } from './types.js';
import type { ViewsSpec } from './views.js';
import type { Why } from './why.js';

/** `dataset cifar10 { normalize(mean: 0.5, std: 0.5) flip() crop(padding: 4) }` */
export interface DatasetSpec {
  /** As messages call it: `cifar10`, `folder("photos")`. */
  readonly name: string;
  readonly source: DataSource;
  /** Height, width and channels as the model is fed. */
  readonly image: readonly [height: number, width: number, channels: number];
  /** Undefined: images are of the size that the source has. */
  readonly size?: ImageSize;
  /** Undefined: the source says which images are for testing. */
  readonly split?: DataSplit;
  /** About this share of the training images is kept for choosing the best weights. */
  readonly validation?: number;
  /** Files that are no pictures are left out. */
  readonly skipBroken?: true;
  /** As published, or as they are in the files; undefined where these cannot be found. */
  readonly images?: Readonly<Record<Split, number>>;
  /** `mean` or `std` are to be measured, and those here stand in their place. */
  readonly isUnmeasured?: true;
  /** Per channel, in units of the 0..1 range: (pixel / 255 - mean) / std. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** What the model takes besides; left out: the image alone. */
  readonly inputs?: readonly FurtherInput[];
  /** In training only; each kind at most once. */
  readonly augment: readonly Augmentation[];
}

export type { LossScaling } from './loss-scaling.js';

/** The policies that decide by rules alone. */
export type RulePolicy = 'mixed' | 'autocast';

/** `fastest` chooses a rule policy and pins by measured time. */
export type PolicyName = RulePolicy | 'fastest';

export interface PrecisionSpec {
  readonly compute: ComputeType;
  readonly policy: PolicyName;
  /**
   * Under `fastest`, once formats are chosen: the policy that decides where no pin does, and why `compute` is what it is where the file
   * says otherwise.
   */
  readonly chosen?: { readonly basis: RulePolicy; readonly reason?: Why };
  /** Undefined: dynamic for fp16, none for the others. */
  readonly lossScaling: LossScaling | undefined;
  /** In which gradients travel between ranks; left out: f32. */
  readonly communicate?: LowType;
  /** In which weights live between steps; left out: f32, as biases and what norms learn always do. */
  readonly masters?: LowType;
  /** In which the optimizer keeps what it knows of each parameter; left out: f32. */
  readonly optimizerState?: LowType;
  readonly pins: readonly Pin[];
}

/** What the places of a schedule's points count: epochs, optimizer steps, or shares of the run. */
export const SCHEDULE_UNITS = ['epochs', 'steps', 'run'] as const;
export type ScheduleUnit = (typeof SCHEDULE_UNITS)[number];

/**
 * Factor on the optimizer's lr, a function of the step (0-based, counts attempted steps, skipped ones too). Durations are in epochs, but
 * for `warmup` of `one_cycle`, the share of the run that goes up, and for the points of `piecewise`, whose places count what `over` says
 * (left out: epochs); shares of the run are rounded down to whole steps. Two points of `piecewise` at one place are a jump: the later holds
 * from there on.
 */
export type ScheduleSpec =
  | { readonly kind: 'constant' }
  | { readonly kind: 'step'; readonly every: number; readonly at?: undefined; readonly gamma: number }
  | { readonly kind: 'step'; readonly every?: undefined; readonly at: readonly number[]; readonly gamma: number }
  | { readonly kind: 'cosine'; readonly min: number }
  | { readonly kind: 'one_cycle'; readonly warmup: number; readonly divStart: number; readonly divEnd: number }
  | { readonly kind: 'piecewise'; readonly points: readonly (readonly [place: number, factor: number])[]; readonly over?: ScheduleUnit };

/** Ops of losses, which are also their names in a file. */
export const LOSS_KINDS = ['cross_entropy', 'mse', 'l1', 'huber', 'binary_cross_entropy', 'focal'] as const;
export type LossKind = (typeof LOSS_KINDS)[number];

/** What is minimised of a micro-batch: the mean of its losses, or their sum. What is reported is the mean. */
export type LossReduction = 'mean' | 'sum';

interface LossOf<Kind extends LossKind> {
  readonly kind: Kind;
  readonly reduction: LossReduction;
}

/** What a result is compared with: 1 at the label and 0 elsewhere, or the image as the model sees it, normalized and augmented. */
export const LOSS_TARGETS = ['label', 'image'] as const;
export type LossTarget = (typeof LOSS_TARGETS)[number];

/** A loss by how far a result is from what it is compared with. */
export interface DistanceSpec<Kind extends 'mse' | 'l1' | 'huber'> extends LossOf<Kind> {
  /** Left out: the label. */
  readonly target?: LossTarget;
}

export interface CrossEntropySpec extends LossOf<'cross_entropy'> {
  readonly labelSmoothing: number;
  /** By class; a mean is by the sum of the weights of the labels. */
  readonly weights?: readonly number[];
  /** The label whose images count for nothing. */
  readonly ignore?: number;
}

interface HuberSpec extends DistanceSpec<'huber'> {
  /** How far from its target an output is where the loss goes on in proportion. */
  readonly delta: number;
}

interface FocalSpec extends LossOf<'focal'> {
  readonly gamma: number;
  /** Share of the class of the label against the others. */
  readonly alpha: number;
}

export type LossSpec = CrossEntropySpec | DistanceSpec<'mse'> | DistanceSpec<'l1'> | HuberSpec | LossOf<'binary_cross_entropy'> | FocalSpec;

/** Whether results are compared with images: of such a model there is no accuracy. */
export function comparesImages(loss: LossSpec): boolean {
  return 'target' in loss && loss.target === 'image';
}

/** A further loss that training minimises, of a value of the model besides its result. */
export interface AuxLoss {
  /** What the model calls the value. */
  readonly of: string;
  /** What it counts beside the loss of the result. */
  readonly weight: number;
  readonly loss: LossSpec;
}

/** `group norm_shifts { lr_times 64 }`: parameters with an update of their own. */
export interface ParameterGroup {
  /** As the line has it: `norm_shifts in stem.*`. */
  readonly of: string;
  /** Left out: of any kind. */
  readonly parameters?: ParameterKind;
  /** Over names of parameters and layers; left out: all. */
  readonly pattern?: string;
  /** Of the file. */
  readonly line: number;
  readonly optimizer: OptimizerSpec;
  readonly schedule: ScheduleSpec;
  readonly warmup: number;
  /** Whether its line says anything of its learning rate, which then is an input of its own. */
  readonly ownRate: boolean;
}

export type LostLossPolicy = 'stop' | 'continue';

export interface TrainSpec {
  readonly loss: LossSpec;
  /** Left out: none. */
  readonly auxLosses?: readonly AuxLoss[];
  readonly optimizer: OptimizerSpec;
  /** What the `group` lines say, in their order; left out: there are none. */
  readonly groups?: readonly ParameterGroup[];
  /** Left out: none is kept. */
  readonly average?: AverageSpec;
  /** Left out: evaluation looks at each image as it is. */
  readonly views?: ViewsSpec;
  /** Left out: the test images are evaluated behind each epoch. */
  readonly test?: TestTimes;
  readonly schedule: ScheduleSpec;
  /** Linear warmup from 0 in epochs, before (and multiplied with) the schedule. */
  readonly warmup: number;
  /** Global norm that gradients are clipped to after unscaling; 0 means no clipping. */
  readonly clip: number;
  readonly batch: number;
  /** Micro-batches per optimizer step. */
  readonly accumulate: number;
  /** Leave out the images that fill no whole step at the end of an epoch. */
  readonly dropLast: boolean;
  /** Not always whole: see `stepsOfRun`. */
  readonly epochs: number;
  /** Left out: the run goes on to its end. */
  readonly earlyStop?: EarlyStopSpec;
  readonly seed: number;
  /** What the `freeze` lines say, such as `stem.* until 3, fc`; left out: there are none. */
  readonly freeze?: string;
  /** What follows a step that was not skipped and whose loss, or norm of gradients to clip by, is infinite or NaN. */
  readonly onLostLoss: LostLossPolicy;
}

/** What a `.amp` file says, resolved: everything but the forward graphs. */
export interface Recipe {
  readonly model: string;
  /** H, W, C. */
  readonly inputShape: readonly number[];
  /** That the labels tell apart; what the model results in, where its loss compares it with them. */
  readonly classes: number;
  readonly dataset: DatasetSpec;
  readonly precision: PrecisionSpec;
  readonly train: TrainSpec;
}

/**
 * A recipe with its forward graph at some batch size. Graph inputs: `image` u8[N,H,W,C], what else the model takes (`furtherInput`), f32,
 * and `step` i32[] where dropout needs it.
 * Outputs: `logits`, f32[N,classes] or, where the loss compares it with the image, f32[N,H,W,C]; and then `target`, that image. As
 * trained also the values of further losses, by `auxOutput`. All float values are f32; precision comes later.
 */
export interface Program {
  readonly recipe: Recipe;
  /** The forward pass as trained: dropout active, batch statistics used, `running_update` nodes present. */
  readonly train: Graph;
  /** The forward pass as evaluated: no dropout, running statistics used. */
  readonly eval: Graph;
  /** What trains on the images that fill no whole step; left out: there are none, or they are dropped. */
  readonly tail?: ProgramTail;
  /** Of several processes that train together, and then `train` is of this one's part of a micro-batch; left out: there is one. */
  readonly ranks?: Ranks & { readonly share: RankShare };
  /** Where in a run, in epochs from its begin, what is frozen changes, and so the program; ascending, not always whole. */
  readonly phases?: readonly number[];
  /** About the file, in the order of its text; left out: none. */
  readonly warnings?: readonly Diagnostic[];
}

export interface ProgramTail {
  /** Micro-batches, of the batch of `train`, before the last one. */
  readonly before: number;
  /** The last one's forward pass, as `train` at its own batch. */
  readonly train: Graph;
  /** Of several ranks: what this one has of the last one. */
  readonly share?: RankShare;
}

/** The program without its last, smaller step: enough for whatever looks at the usual one alone. */
export function withoutTail({ tail: _, ...program }: Program): Program {
  return program;
}
