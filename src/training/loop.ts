import { UserError, userError } from '../diagnostics/diagnostic.js';
import { given } from '../given.js';
import { type EpochDivision, imagesBefore, stepOfChange, stepsOfRun, stepsPerEpoch } from '../ir/epoch.js';
import { abortAfter, DYNAMIC_SCALING } from '../ir/loss-scaling.js';
import { precisionName } from '../ir/types.js';
import { join } from '../platform/path.js';
import { checkData } from './check-data.js';
import { loadCheckpoint } from './checkpoint.js';
import type { Scores } from './checkpoint-metadata.js';
import { type Continuation, continueRates } from './continue.js';
import type { Batcher } from './data/batcher.js';
import { stalled } from './early-stop.js';
import { epochBatches } from './epoch-batches.js';
import type { TrainEvent } from './events.js';
import type { TrainOptions, TrainResult } from './options.js';
import { resumedEnd } from './overflow/lost-loss.js';
import { doneEvent } from './progress-report.js';
import { writes } from './ranks.js';
import { RunClaim } from './run-claim.js';
import { RUN_FILES, updateRun } from './run-folder.js';
import { RunLogs } from './run-logs.js';
import { runSettings } from './run-settings.js';
import { learningRate, learningRates, namesOfGroups, type Rates, wholeCourse } from './schedule.js';
import { type EpochOutcome, Session } from './session.js';
import { goingOn, type SessionPlan, START } from './session-plan.js';
import { Snapshot } from './snapshot.js';

import { type Start, startStates } from './start-states.js';

import { findFunction, parameterCount } from './states.js';

import { Stepper } from './stepper.js';

export type { TrainOptions, TrainResult } from './options.js';

function abortLimit({ plan, recipe }: TrainOptions): number {
  const scaled = findFunction(plan, 'train_step')?.graph.outputs.ok !== undefined;
  if (!scaled) return Number.POSITIVE_INFINITY;
  return abortAfter(recipe.precision.lossScaling ?? DYNAMIC_SCALING);
}

interface Prepared {
  readonly batcher: Batcher;
  readonly division: EpochDivision;
  readonly epochs: number;
  readonly settings: SessionPlan['settings'];
}

function prepare(options: TrainOptions): Prepared {
  const { recipe, dataset, shuffle = true, augment = true } = options;
  const { batcher, batch, division } = epochBatches(options);
  checkData(options, division);
  return {
    batcher,
    division,
    epochs: options.epochs ?? recipe.train.epochs,
    settings: (ofPlan, ofRecipe) => {
      const extra = { batch, shuffle, augment, 'training images': dataset.train.count };
      return runSettings(
        ofPlan,
        ofRecipe,
        dataset.content === undefined ? extra : { ...extra, 'contents of the data set': dataset.content },
      );
    },
  };
}

/** What is to be done, with these rates. */
function planSession(
  options: TrainOptions,
  { division, epochs, settings }: Prepared,
  { course, groupCourses = {} }: Continuation,
): SessionPlan {
  const { recipe, maxSteps = Number.POSITIVE_INFINITY, logEvery = 50 } = options;
  const steps = stepsPerEpoch(division);
  const rate = (step: number): number => learningRate(recipe.train, step, steps, course);
  const rates = (step: number): Rates => learningRates(recipe.train, step, steps, course, groupCourses);
  const totalSteps = stepsOfRun(steps, epochs);
  const size = { epochs: Math.ceil(totalSteps / steps), stepsPerEpoch: steps, imagesPerEpoch: imagesBefore(division, steps), totalSteps };
  return {
    ...size,
    maxSteps,
    logEvery,
    abortAfter: abortLimit(options),
    earlyStop: recipe.train.earlyStop,
    test: recipe.train.test,
    rate,
    rates,
    evaluated: recipe.train.average?.evaluate,
    testsBoth: recipe.train.average?.both !== false,
    course,
    groupCourses,
    groupNames: namesOfGroups(recipe.train),
    settings,
  };
}

/** Saves a run that ends within an epoch. */
async function saveUnfinished(session: Session): Promise<void> {
  await session.report();
  const present = await session.present();
  await session.saveLast(present, undefined);
  await session.checkpoint(present);
}

/** A run whose pictures are not what they were cannot go on; of what it has come to nothing is lost. */
const LOST_PICTURES: readonly (string | undefined)[] = ['AMP7018', 'AMP7019'];

async function trainAndTest(session: Session): Promise<{ readonly outcome: EpochOutcome; readonly scores: Scores | undefined }> {
  try {
    const outcome = await session.trainEpoch();
    return { outcome, scores: outcome === 'end' ? await session.test() : undefined };
  } catch (error) {
    if (error instanceof UserError && LOST_PICTURES.includes(error.diagnostics[0]?.code)) await saveUnfinished(session);
    throw error;
  }
}

/** Epochs to the end, the step limit or the signal. */
async function runEpochs(session: Session, plan: SessionPlan): Promise<'finished' | 'interrupted'> {
  while (session.progress.epoch < plan.epochs && stalled(plan.earlyStop, session.progress) === undefined) {
    const { outcome, scores } = await trainAndTest(session);
    if (outcome === 'interrupt' || (outcome === 'end' && session.agreement.interrupt && scores === undefined)) {
      await saveUnfinished(session);
      return 'interrupted';
    }
    if (outcome === 'stop') {
      const present = await session.present();
      await session.checkpoint(present);
      if (!session.progress.isBetweenEpochs) session.progress.last = await session.test();
      await session.saveLast(present, session.progress.last);
      return session.agreement.interrupt ? 'interrupted' : 'finished';
    }
    await session.finishEpoch(scores);
    await session.agreement.renew();
    if (session.agreement.stop) return 'finished';
  }
  return 'finished';
}

/**
 * Trains `options.plan` by the recipe: epochs of optimizer steps, each epoch evaluated on the test set and saved. The same seed,
 * backend and machine give the same bits, however often the run is interrupted and resumed.
 * Throws UserError: AMP7006/AMP7007 the data does not fit, bad initial weights as `loadInitial`, AMP7201/AMP7203 bad checkpoint, AMP7210 a
 * schedule at its end, and as `RunClaim`, AMP7301 too many skipped steps in a row, AMP7302 a loss that is not finite in a step that took
 * place, AMP7018/AMP7019 a picture that is broken or not as it was when the run began: what the run has come to is then saved.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  if (options.claim !== undefined) return trainIn(options.claim, options);
  const claim = await (options.resume ? RunClaim.resume(options.run) : RunClaim.start(options.run));
  try {
    return await trainIn(claim, options);
  } finally {
    await claim.release();
  }
}

async function trainIn(claim: RunClaim, options: TrainOptions): Promise<TrainResult> {
  const { plan, executable, recipe, run } = options;
  const prepared = prepare(options);
  const { batcher, division, epochs } = prepared;
  const settings = prepared.settings(plan, recipe);
  const resumed = options.resume ? await loadCheckpoint(join(run, RUN_FILES.checkpoint), plan, settings) : undefined;
  const length = { stepsPerEpoch: stepsPerEpoch(division), epochs, epochsBefore: options.epochsBefore };
  const continuation: Continuation =
    resumed === undefined
      ? { course: wholeCourse(stepsOfRun(length.stepsPerEpoch, epochs)) }
      : continueRates(resumed, settings, recipe.train, length);
  const { states, init }: Start = resumed ?? (await startStates(options));
  await executable.writeStates(states);
  if (resumed !== undefined && options.maxSteps !== undefined && resumed.position.step > options.maxSteps)
    throw userError(
      'AMP7212',
      `nothing is left to train: the run has taken ${resumed.position.step} steps, and is to stop after ${options.maxSteps}`,
      'it stays as it is',
      'ask for more steps, or leave --max-steps out',
    );
  if (resumed === undefined && options.contents !== undefined) await claim.write(options.contents);
  if (options.contentsAreNew && options.contents !== undefined && writes(options.ranks)) await updateRun(run, options.contents);
  const sessionPlan = planSession(options, prepared, continuation);
  const position = goingOn(resumed?.position ?? START, sessionPlan.stepsPerEpoch, sessionPlan.totalSteps);
  const stepper = new Stepper({ executable, plan, batcher, division, ranks: options.ranks, rates: sessionPlan.rates });
  const { step, epoch, phase } = position;
  const planFrom = phase === undefined ? 0 : stepOfChange(sessionPlan.stepsPerEpoch, phase);
  const metrics = await RunLogs.open(options, batcher, resumed && { step, epochs: epoch, planFrom });
  try {
    const session = new Session(options, sessionPlan, stepper, metrics, position, states);
    const start: TrainEvent = {
      event: 'start',
      model: plan.model,
      backend: plan.target.backend,
      device: options.device ?? plan.target.backend,
      precision: precisionName(plan.precision),
      parameters: parameterCount(plan),
      run,
      ...given({ limit: options.limit }),
    };
    if (resumed === undefined) {
      // From its first second on a run can be resumed.
      await session.checkpoint(new Snapshot(plan, states));
      await session.emit(start);
      if (init !== undefined) await session.emit(init);
    } else {
      await options.onEvent?.(start);
      if (metrics.endedBy !== undefined) await session.emit(resumedEnd(metrics.endedBy, position.step));
      const { warning, note } = continuation;
      if (warning !== undefined) await session.emit(warning);
      if (note !== undefined) options.onNotice?.(note);
    }
    const outcome = await runEpochs(session, sessionPlan);
    if (outcome === 'finished') await metrics.finish(session.running, session.progress.step);
    const result: TrainResult = {
      interrupted: outcome === 'interrupted',
      ...(outcome === 'interrupted' && given({ exitCode: session.agreement.exitCode })),
      steps: session.progress.step,
      epochs: session.progress.epoch,
      testAccuracy: session.progress.last?.accuracy,
      testLoss: session.progress.last?.loss,
      bestAccuracy: session.progress.best?.accuracy,
      seconds: session.progress.seconds,
    };
    if (outcome === 'finished') await session.emit(doneEvent(session.progress, stalled(sessionPlan.earlyStop, session.progress)));
    return result;
  } finally {
    await metrics.close();
  }
}
