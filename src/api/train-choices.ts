import { type KeysOf, SETTING_KEYS } from '../choose/option-keys.js';
import type { BackendChoice } from '../choose/plan-file.js';
import { mergeSettings, type Settings } from '../choose/settings.js';
import type { Diagnostic, Source } from '../diagnostics/diagnostic.js';
import { given } from '../given.js';
import { join } from '../platform/path.js';
import { checkpointPlan } from '../training/checkpoint.js';
import type { BatchData } from '../training/data/batches.js';
import type { TrainEvent, TrainProgress } from '../training/events.js';
import type { InitChoices } from '../training/init/choices.js';
import { RUN_FILES } from '../training/run-folder.js';
import type { TrainCallback } from './callbacks.js';
import { latestRunFolder, type RunChoices, type StoredRun } from './runs.js';

export interface TrainOptions extends Settings, InitChoices {
  /** Default `auto`; for a resumed run, the backend that it was started with. */
  readonly backend?: BackendChoice | undefined;
  /** Folder of the data set; default $AMPC_DATA, else a cache folder. */
  readonly data?: string | undefined;
  /** Run folder; default `runs/<file>-<number>`. */
  readonly out?: string | undefined;
  /** Continue the run in this folder; `true` means the one in `out`, else the newest run of the file. */
  readonly resume?: string | boolean | undefined;
  /** Stop after so many optimizer steps; default for a resumed run: where it was to stop, unless it has already. */
  readonly maxSteps?: number | undefined;
  /**
   * Train on no more than so many images, of every class its share, and test as many: whether a network learns a few images by heart, or a
   * recipe works at all. Default for a resumed run: as before.
   */
  readonly limit?: number | undefined;
  /** Keep so many of the best weights, each in a file of its own; default for a resumed run: as before. */
  readonly keepBest?: number | undefined;
  /** A calibration of the file, and whether to pin also what it cannot prove to fit; see `CompileOptions`. */
  readonly calibration?: string | undefined;
  readonly strictRanges?: boolean | undefined;
  /** After so many overflows of the same value in fp16, keep its layer in fp32 from there on; `true` means 3. Default: never. */
  readonly replan?: number | boolean | undefined;
  readonly shuffle?: boolean | undefined;
  readonly augment?: boolean | undefined;
  /** A step event every so many steps; default 50. */
  readonly logEvery?: number | undefined;
  /** Worker threads; 0 (the default) means all cores. */
  readonly threads?: number | undefined;
  /** Threads that decode pictures beside the training; 0: none beside it. Default: as many as there are cores, at most 16. */
  readonly workers?: number | undefined;
  /** A file with a table of costs for policy `fastest`, instead of those measured on this machine. */
  readonly costs?: string | undefined;
  /** Told what takes a while before the run starts. */
  readonly onNotice?: ((text: string) => void) | undefined;
  /** Told before the run starts what the file's text makes suspicious; a rendering needs the source. */
  readonly onWarnings?: ((warnings: readonly Diagnostic[], source: Source) => void) | undefined;
  /** Also metrics.csv, a table of steps and epochs; default for a resumed run: as before. */
  readonly csv?: boolean | undefined;
  /** Also event files for TensorBoard; default for a resumed run: as before. */
  readonly tensorboard?: boolean | undefined;
  /** With `tensorboard`, which it implies: histograms of weights and gradients after each epoch; default for a resumed run: as before. */
  readonly histograms?: boolean | undefined;
  readonly checkpointSteps?: number | undefined;
  /** Tests no more than so many images, and as many of those kept for choosing; default: all. */
  readonly testAtMost?: number | undefined;
  /** Whether all that the run will need is compiled before its first step, and not while it runs. */
  readonly compileAll?: boolean | undefined;
  /** Aborting it ends the run after the running step, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: TrainEvent) => void) | undefined;
  /** Told of the run while it goes on; they can end it, as one that is done. */
  readonly callbacks?: readonly TrainCallback[] | undefined;
  /** Images and labels of the caller in the place of those of the file's data set; they are read once and kept in memory. */
  readonly batches?: BatchData | undefined;
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
}

/** What a sweep hands on to its runs, or has for itself under the same name. */
export const RUN_KEYS = {
  ...SETTING_KEYS,
  augment: true,
  backend: true,
  calibration: true,
  checkpointSteps: true,
  costs: true,
  csv: true,
  data: true,
  histograms: true,
  init: true,
  initLayout: true,
  initMap: true,
  initPartial: true,
  keepBest: true,
  limit: true,
  logEvery: true,
  maxSteps: true,
  onEvent: true,
  onNotice: true,
  onProgress: true,
  onWarnings: true,
  out: true,
  replan: true,
  shuffle: true,
  signal: true,
  strictRanges: true,
  tensorboard: true,
  threads: true,
  workers: true,
} as const;

export const TRAIN_KEYS: KeysOf<TrainOptions> = {
  ...RUN_KEYS,
  batches: true,
  callbacks: true,
  compileAll: true,
  resume: true,
  testAtMost: true,
};

const REPLAN_AFTER = 3;

export async function resumedRun(file: string, { resume, out }: TrainOptions): Promise<string | undefined> {
  if (resume === undefined || resume === false) return undefined;
  if (typeof resume === 'string') return resume;
  return out ?? latestRunFolder(file);
}

interface Resolved extends Omit<RunChoices, 'backend'> {
  readonly backend: RunChoices['backend'] | undefined;
  /** config.json says something else, or does not have the pins of the checkpoint. */
  readonly areNew: boolean;
  readonly epochsBefore?: number;
  /** Steps before the checkpoint. */
  readonly step?: number;
  /** That the checkpoint's plan took over with. */
  readonly epoch?: number;
}

/** The choices of this call, on top of those that a resumed run was started with. */
export async function resolveChoices(stored: (StoredRun & { readonly dir: string }) | undefined, options: TrainOptions): Promise<Resolved> {
  const earlier = stored?.choices;
  const inConfig = earlier?.formats?.pins ?? [];
  const saved = stored && (await checkpointPlan(join(stored.dir, RUN_FILES.checkpoint)));
  const pins = saved?.pins ?? inConfig;
  const formats = pins.length === 0 ? earlier?.formats : { ...earlier?.formats, pins };
  const asked = options.replan === true ? REPLAN_AFTER : options.replan === false ? undefined : options.replan;
  const replan = asked ?? earlier?.replan;
  const written = earlier?.settings ?? {};
  const before = stored?.dropsLast ? { ...written, set: ['train.drop_last=true', ...(written.set ?? [])] } : written;
  const settings = mergeSettings(before, options);
  const isPassed = options.maxSteps === undefined && earlier?.maxSteps !== undefined && (saved?.step ?? 0) >= earlier.maxSteps;
  const maxSteps = isPassed ? undefined : (options.maxSteps ?? earlier?.maxSteps);
  if (isPassed) options.onNotice?.(`the run has taken the ${earlier.maxSteps} steps of its --max-steps, and has no such limit any more`);
  const histograms = (options.histograms ?? earlier?.histograms) || undefined;
  const limit = options.limit ?? earlier?.limit;
  const keepBest = options.keepBest ?? earlier?.keepBest;
  const inFile = [earlier?.settings, earlier?.maxSteps, earlier?.replan, inConfig, earlier?.histograms, earlier?.keepBest];
  const areNew = JSON.stringify([settings, maxSteps, replan, pins, histograms, keepBest]) !== JSON.stringify(inFile);
  return {
    areNew: stored !== undefined && areNew,
    backend: options.backend === undefined || options.backend === 'auto' ? earlier?.backend : options.backend,
    settings,
    shuffle: options.shuffle ?? earlier?.shuffle ?? true,
    augment: options.augment ?? earlier?.augment ?? true,
    ...given({ maxSteps, replan, histograms, limit, keepBest, formats }),
    ...given({ epochsBefore: stored?.epochs, step: saved?.step, epoch: saved?.phase }),
  };
}
