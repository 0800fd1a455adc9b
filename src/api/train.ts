import { basename, join, resolve } from 'node:path';
import { type BackendChoice, compileSelected, type Runnable } from '../choose/plan-file.js';
import { RunPlans } from '../choose/replan.js';
import { mergeSettings, pickSettings, type Settings } from '../choose/settings.js';
import { isOfFiles } from '../datasets/source.js';
import { type Diagnostic, type Source, userError } from '../diagnostics/diagnostic.js';
import { sourceOf } from '../files/source.js';
import { given } from '../given.js';
import type { Program } from '../ir/program.js';
import { lowerProgram, withUsed } from '../lower/lower.js';
import type { Plan } from '../plan/plan.js';
import { printPlan } from '../plan/print.js';
import { loadOptions } from '../runtime/load-options.js';
import { selectBackend } from '../runtime/select.js';
import { checkpointPlan } from '../training/checkpoint.js';
import { choosePlace, factsOf, openData } from '../training/data/open.js';
import type { TrainEvent, TrainProgress } from '../training/events.js';
import { train as runTraining, type TrainResult } from '../training/loop.js';
import { RunClaim } from '../training/run-claim.js';
import { hasWeights, openRun, RUN_FILES, sourceName } from '../training/run-folder.js';
import { claimRunFolder, dataOf, latestRunFolder, type RunChoices, readRun, runConfig, type StoredRun } from './runs.js';

export interface TrainOptions extends Settings {
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
  /** A calibration of the file, and whether to pin also what it cannot prove to fit; see `CompileOptions`. */
  readonly calibration?: string | undefined;
  readonly strictRanges?: boolean | undefined;
  /** After so many overflows of the same value in fp16, keep its layer in fp32 from there on; `true` means 3. Default: never. */
  readonly replan?: number | boolean | undefined;
  /** Safetensors file with the weights to start from. */
  readonly init?: string | undefined;
  readonly shuffle?: boolean | undefined;
  readonly augment?: boolean | undefined;
  /** A step event every so many steps; default 50. */
  readonly logEvery?: number | undefined;
  /** Worker threads; 0 (the default) means all cores. */
  readonly threads?: number | undefined;
  /** A file with a table of costs for policy `fastest`, instead of those measured on this machine. */
  readonly costs?: string | undefined;
  /** Told what takes a while before the run starts. */
  readonly onNotice?: ((text: string) => void) | undefined;
  /** Told before the run starts what the file's text makes suspicious; a rendering needs the source. */
  readonly onWarnings?: ((warnings: readonly Diagnostic[], source: Source) => void) | undefined;
  readonly checkpointSteps?: number | undefined;
  /** Aborting it ends the run after the running step, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: TrainEvent) => void) | undefined;
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
}

export interface TrainOutcome extends TrainResult {
  /** The run folder. */
  readonly run: string;
  /** Whether weights are in it: those that are not finite are not saved. */
  readonly hasWeights: boolean;
}

const REPLAN_AFTER = 3;

async function resumedRun(file: string, { resume, out }: TrainOptions): Promise<string | undefined> {
  if (resume === undefined || resume === false) return undefined;
  if (typeof resume === 'string') return resume;
  return out ?? latestRunFolder(file);
}

interface Resolved extends Omit<RunChoices, 'backend'> {
  readonly backend: RunChoices['backend'] | undefined;
  /** config.json says something else, or does not have the pins of the checkpoint. */
  readonly areNew: boolean;
  readonly epochsBefore?: number;
  /** That the checkpoint's plan took over with. */
  readonly epoch?: number;
}

/** The choices of this call, on top of those that a resumed run was started with. */
async function resolveChoices(stored: (StoredRun & { readonly dir: string }) | undefined, options: TrainOptions): Promise<Resolved> {
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
  const maxSteps = options.maxSteps ?? earlier?.maxSteps;
  const inFile = [earlier?.settings, earlier?.maxSteps, earlier?.replan, inConfig];
  const areNew = JSON.stringify([settings, maxSteps, replan, pins]) !== JSON.stringify(inFile);
  return {
    areNew: stored !== undefined && areNew,
    backend: options.backend === undefined || options.backend === 'auto' ? earlier?.backend : options.backend,
    settings,
    shuffle: options.shuffle ?? earlier?.shuffle ?? true,
    augment: options.augment ?? earlier?.augment ?? true,
    ...given({ maxSteps, replan, formats }),
    ...given({ epochsBefore: stored?.epochs, epoch: saved?.phase }),
  };
}

/**
 * Trains a `.amp` file (a path, or a source text with the name to show for it), or continues a run to the same bits.
 * Throws UserError for mistakes in the file and for everything that is missing on this machine.
 */
export async function train(input: string | Source, options: TrainOptions = {}): Promise<TrainOutcome> {
  const source = withPlace(withUsed(await sourceOf(input)), options.data);
  const claimed = await claimFolder(source, options);
  try {
    return await trainIn(claimed, source, options);
  } finally {
    await claimed.claim.release();
  }
}

/** The source with where its data is, where the caller says so. */
function withPlace(source: Source, data: string | undefined): Source {
  return data === undefined ? source : { ...source, data: { ...source.data, path: resolve(data) } };
}

interface Claimed {
  readonly claim: RunClaim;
  /** Of a new run: what the file says, before the number of images is known. */
  readonly checked?: Program;
}

/** The run's folder, held before anything is compiled: of several calls at once each has its own. */
async function claimFolder(source: Source, options: TrainOptions): Promise<Claimed> {
  const resumed = await resumedRun(source.path, options);
  if (resumed !== undefined && options.init !== undefined)
    throw userError(
      'AMP6203',
      'a run that goes on has weights already',
      `its checkpoint has those that it had come to, and those of ${options.init} would not be used`,
      'leave one of both away; to start anew from the weights name another folder with --out',
    );
  if (resumed !== undefined) {
    await openRun(resumed);
    return { claim: await RunClaim.resume(resumed) };
  }
  // Mistakes in the file come before those of the folder.
  const checked = lowerProgram(source, { overrides: pickSettings(options), images: 0 });
  return { claim: await (options.out === undefined ? claimRunFolder(source.path) : RunClaim.start(options.out)), checked };
}

async function trainIn({ claim, checked }: Claimed, asked: Source, options: TrainOptions): Promise<TrainOutcome> {
  const run = claim.dir;
  const stored = claim.isNew ? undefined : await readRun(run);
  // A run goes on with the files that its source used when it began.
  const source: Source =
    stored === undefined ? asked : { ...asked, ...given({ used: stored.source.used, data: dataOf(stored.choices, options.data) }) };
  const choices = await resolveChoices(stored && { dir: run, ...stored }, options);
  const { settings, shuffle, augment } = choices;
  const { calibration, strictRanges, costs, threads, onNotice } = options;
  const selected = await selectBackend(choices.backend ?? options.backend ?? 'auto', { signal: options.signal });
  // Before the plan: what is left of the images for a last step is part of it.
  const spec = (checked ?? lowerProgram(source, { overrides: pickSettings(settings), images: 0 })).recipe.dataset;
  const data = await choosePlace(spec, options.data, stored?.choices.data, source);
  const earlier = source.data?.facts;
  const dataset = await openData(spec, { place: data, classes: earlier?.classes, onNotice, signal: options.signal });
  const images = dataset.train.count;
  // From here on the file follows these images, whatever becomes of them.
  const facts = factsOf(spec, dataset, earlier);
  const runnable = await compileSelected(
    selected,
    { ...source, data: { path: data, facts } },
    {
      ...settings,
      images,
      epoch: choices.epoch,
      formats: choices.formats,
      calibration,
      strictRanges,
      costs,
      threads,
      onNotice,
    },
  );
  const { plan, program, backend, info } = runnable;
  const { recipe } = program;
  if (program.warnings !== undefined) options.onWarnings?.(program.warnings, source);
  // What is loaded while a run goes on is short and decides what it becomes: an interruption waits for it, and the run is then saved.
  const load = (other: Plan) => backend.load(other, loadOptions({ ...options, signal: undefined }));
  const file = stored === undefined ? sourceName(source.path) : basename(stored.source.path);
  const config = (made: Runnable): unknown => {
    const { maxSteps, replan } = choices;
    return runConfig(made, file, {
      backend: info.name as RunChoices['backend'],
      settings,
      shuffle,
      augment,
      images,
      classes: dataset.classes,
      ...(data !== undefined && { data: resolve(data) }),
      ...given({ facts: !isOfFiles(spec.source) && !spec.isUnmeasured && earlier === undefined ? undefined : facts }),
      ...given({ maxSteps, replan, formats: made.formats }),
    });
  };
  const executable = await backend.load(plan, loadOptions(options));
  const plans = new RunPlans({ runnable, executable, load, config, images });
  try {
    const { init, logEvery, checkpointSteps, signal, onEvent, onProgress } = options;
    const result = await runTraining({
      plan,
      executable: plans.executable,
      recipe,
      dataset,
      run,
      claim,
      shuffle,
      augment,
      resume: !claim.isNew,
      contents: { source, config: config(runnable), plan: printPlan(plan) },
      passedStopIsNone: options.maxSteps === undefined,
      load,
      pins: runnable.formats?.pins ?? [],
      contentsAreNew: choices.areNew,
      replanner: plans,
      ...given({ replanAfter: choices.replan, device: info.device, maxSteps: choices.maxSteps, init, logEvery, checkpointSteps }),
      ...given({ epochsBefore: choices.epochsBefore, signal, onEvent, onProgress }),
    });
    return { ...result, run, hasWeights: await hasWeights(run) };
  } finally {
    await plans.executable.dispose();
  }
}
