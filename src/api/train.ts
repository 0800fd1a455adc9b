import { withStoredFormats } from '../choose/formats.js';
import { refuseUnknown } from '../choose/option-keys.js';
import { compileSelected, type Runnable } from '../choose/plan-file.js';
import { RunPlans } from '../choose/replan.js';
import { pickSettings } from '../choose/settings.js';
import { isOfFiles } from '../datasets/source.js';
import { type Source, type UserError, userError } from '../diagnostics/diagnostic.js';
import { sourceOf } from '../files/source.js';
import { VERSION } from '../files/version.js';
import { given } from '../given.js';
import type { Program } from '../ir/program.js';
import { lowerProgram, withUsed } from '../lower/lower.js';
import type { Plan } from '../plan/plan.js';
import { printPlan } from '../plan/print.js';
import { basename, resolve } from '../platform/path.js';
import { joinRanks, type MpiRanks } from '../runtime/cpu/mpi/mpi.js';
import { loadOptions } from '../runtime/load-options.js';
import { selectBackend } from '../runtime/select.js';
import { chooseLogs } from '../training/choose-logs.js';
import { datasetOf } from '../training/data/batches.js';
import { withFewTested } from '../training/data/first-images.js';
import { limitData, limitNote } from '../training/data/limit.js';
import { choosePlace, factsOf, openData } from '../training/data/open.js';
import { readAhead } from '../training/epoch-batches.js';
import type { EpochEvent, TrainEvent } from '../training/events.js';
import { initOf } from '../training/init/choices.js';
import { train as runTraining, type TrainResult } from '../training/loop.js';
import { writes } from '../training/ranks.js';
import { RunClaim } from '../training/run-claim.js';
import { hasWeights, openRun, sourceName } from '../training/run-folder.js';
import { Callbacks } from './callbacks.js';
import { checkSamePlans, claimTogether, dataFacts, threadsOfRank } from './ranks.js';
import { type RunReference, runFolder } from './run-reference.js';
import { claimRunFolder, dataOf, type RunChoices, readRun, runConfig } from './runs.js';
import { resolveChoices, resumedRun, TRAIN_KEYS, type TrainOptions } from './train-choices.js';

export type { TrainOptions } from './train-choices.js';

export interface TrainOutcome extends TrainResult {
  /** The run folder. */
  readonly run: string;
  /** Whether weights are in it: those that are not finite are not saved. */
  readonly hasWeights: boolean;
  /** A callback ended it. */
  readonly isStopped: boolean;
  /** The epochs of this call. */
  readonly history: readonly EpochEvent[];
}

/**
 * Trains a `.amp` file (a path, or a source text with the name to show for it), or continues a run to the same bits.
 * Throws UserError for mistakes in the file and for everything that is missing on this machine.
 */
export async function train(input: string | Source, options: TrainOptions = {}): Promise<TrainOutcome> {
  refuseUnknown('train', options, TRAIN_KEYS);
  const source = withPlace(withUsed(await sourceOf(input)), options.data);
  initOf(options);
  const ranks = await joinRanks(options.onNotice);
  if (ranks !== undefined && options.replan) throw cannotReplan();
  const claimed = await claimTogether(ranks, () => claimFolder(source, options));
  try {
    return await trainIn(claimed, source, options, ranks);
  } finally {
    await claimed.claim.release();
  }
}

function cannotReplan(): UserError {
  return userError(
    'AMP6509',
    '--replan goes with one rank',
    'a rank that found another overflow would take another plan',
    'leave --replan out',
  );
}

const { resume: _, out: _out, init: _init, ...RESUME_KEYS } = TRAIN_KEYS;

/**
 * Continues a run with the file in its folder, to the same bits as `train` with `resume`. Throws UserError as that, and AMP7205 where there
 * is no run.
 */
export async function resume(run: RunReference, options: Omit<TrainOptions, 'resume' | 'out' | 'init'> = {}): Promise<TrainOutcome> {
  refuseUnknown('resume', options, RESUME_KEYS);
  const dir = runFolder(run);
  return train((await openRun(dir)).source, { ...options, resume: dir });
}

/** The source with where its data is, where the caller says so. */
export function withPlace(source: Source, data: string | undefined): Source {
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

async function trainIn(
  { claim, checked }: Claimed,
  asked: Source,
  passed: TrainOptions,
  peers: MpiRanks | undefined,
): Promise<TrainOutcome> {
  const options = peers === undefined ? passed : { ...passed, threads: await threadsOfRank(peers, passed), peers };
  const ranks = peers && { count: peers.size, rank: peers.rank };
  const run = claim.dir;
  const stored = claim.isNew ? undefined : await readRun(run);
  // A run goes on with the files that its source used when it began.
  const source: Source =
    stored === undefined ? asked : { ...asked, ...given({ used: stored.source.used, data: dataOf(stored.choices, options.data) }) };
  const choices = await resolveChoices(stored && { dir: run, ...stored }, options);
  const { settings, shuffle, augment } = choices;
  const { calibration, strictRanges, costs, threads, onNotice, signal, workers } = options;
  const selected = await selectBackend(choices.backend ?? options.backend ?? 'auto', { signal, onNotice });
  // Before the plan: what is left of the images for a last step is part of it.
  const { dataset: spec, classes } = (checked ?? lowerProgram(source, { overrides: pickSettings(settings), images: 0 })).recipe;
  const { batches } = options;
  const data = batches === undefined ? await choosePlace(spec, options.data, stored?.choices.data, source) : undefined;
  const earlier = source.data?.facts;
  const open = { place: data, classes: earlier?.classes, onNotice, signal, workers };
  const all = batches === undefined ? await openData(spec, open) : await datasetOf(spec, batches, classes);
  const dataset = limitData(all, choices.limit);
  if (choices.limit !== undefined) onNotice?.(limitNote(choices.limit, all, dataset));
  const images = dataset.train.count;
  // From here on the file follows these images, whatever becomes of them.
  const facts = await factsOf(spec, dataset, { known: earlier, whole: all, onNotice });
  const runnable = await compileSelected(
    selected,
    { ...source, data: { path: data, facts } },
    {
      ...settings,
      images,
      epoch: choices.epoch,
      ranks,
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
  if (peers !== undefined) {
    const facts = [`ampc ${VERSION}`, `${info.name}: ${info.device ?? ''}`, JSON.stringify(settings), ...dataFacts(dataset)];
    const overrides = pickSettings(settings);
    const lowerFirst = () => {
      const first = lowerProgram(runnable.source, {
        overrides,
        images,
        ranks: { count: peers.size, rank: 0 },
        ...given({ epoch: choices.epoch }),
      });
      return runnable.formats === undefined ? first : withStoredFormats(first, runnable.formats);
    };
    await checkSamePlans(peers, facts, program, info.target, lowerFirst);
  }
  if (program.warnings !== undefined) options.onWarnings?.(program.warnings, source);
  // What is loaded while a run goes on is short and decides what it becomes: an interruption waits for it, and the run is then saved.
  const load = (other: Plan) => backend.load(other, loadOptions({ ...options, signal: undefined }));
  const file = stored === undefined ? sourceName(source.path) : basename(stored.source.path);
  const config = (made: Runnable): unknown => {
    const { maxSteps, replan, histograms, limit, keepBest } = choices;
    return runConfig(made, file, {
      backend: info.name as RunChoices['backend'],
      settings,
      shuffle,
      augment,
      images,
      classes: dataset.classes,
      ...(data !== undefined && { data: resolve(data) }),
      ...given({ facts: !isOfFiles(spec.source) && !spec.isUnmeasured && earlier === undefined ? undefined : facts }),
      ...given({ maxSteps, replan, histograms, limit, keepBest, formats: made.formats }),
    });
  };
  readAhead({ plan, recipe, dataset, shuffle, augment, ...given({ ranks: peers }) }, choices.step ?? 0);
  const executable = await backend.load(plan, loadOptions(options));
  if (options.compileAll) await Promise.all(plan.functions.map(({ name }) => executable.expect?.(name)));
  const plans = new RunPlans({ runnable, executable, load, config, images, ranks });
  try {
    const { logEvery, checkpointSteps, onProgress } = options;
    const control = new Callbacks(options.callbacks ?? []);
    const history: EpochEvent[] = [];
    const onEvent = (event: TrainEvent): Promise<void> => {
      if (event.event === 'epoch') history.push(event);
      options.onEvent?.(event);
      return control.tell(event);
    };
    const result = await runTraining({
      plan,
      executable: plans.executable,
      recipe,
      dataset: options.testAtMost === undefined ? dataset : withFewTested(dataset, options.testAtMost),
      run,
      claim,
      shuffle,
      augment,
      resume: !claim.isNew,
      contents: { source, config: config(runnable), plan: printPlan(plan) },
      load,
      pins: runnable.formats?.pins ?? [],
      contentsAreNew: choices.areNew,
      replanner: plans,
      ...given({
        replanAfter: choices.replan,
        device: info.device,
        maxSteps: choices.maxSteps,
        limit: choices.limit,
        keepBest: choices.keepBest,
        ranks: peers,
        init: initOf(options),
        logEvery,
        checkpointSteps,
      }),
      logs: writes(peers) ? await chooseLogs(run, { ...options, histograms: choices.histograms }) : [],
      control,
      onEvent,
      ...given({ epochsBefore: choices.epochsBefore, signal, onProgress, onNotice }),
    });
    return { ...result, run, hasWeights: await hasWeights(run), isStopped: control.isStopped, history };
  } finally {
    await plans.executable.dispose();
  }
}
