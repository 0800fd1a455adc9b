import { refuseUnknown } from '../choose/option-keys.js';
import { compileToRun, type Runnable } from '../choose/plan-file.js';
import { picturesBelow } from '../datafiles/class-folders.js';
import { UserError, userError } from '../diagnostics/diagnostic.js';
import { isFolder } from '../files/is-folder.js';
import type { Plan } from '../plan/plan.js';
import type { Executable } from '../runtime/backend.js';
import { loadOptions } from '../runtime/load-options.js';
import type { Scores } from '../training/checkpoint-metadata.js';
import { collectBatches } from '../training/data/batches.js';
import type { ImageSet } from '../training/data/dataset.js';
import { limitSet } from '../training/data/limit.js';
import { choosePlace, openClasses, openSplit } from '../training/data/open.js';
import { type Evaluation, type EvaluateOptions as RunOptions, evaluate as runEvaluation } from '../training/evaluate.js';
import { DetailCollector, type EvaluationDetails } from '../training/evaluation-details.js';
import { loadWeights } from '../training/init/load.js';
import type { Prediction } from '../training/predict.js';
import { probabilitiesBy } from '../training/probabilities.js';
import { countsCorrect, findFunction, initialStates } from '../training/states.js';
import { classesInWeights } from '../training/weights.js';
import { EVALUATE_KEYS, type EvaluateOptions, type ModelOptions, PREDICT_KEYS, type PredictOptions } from './model-options.js';
import { openOther } from './other-data.js';
import { type RunReference, runFolder } from './run-reference.js';
import { type RunChoices, readRun } from './runs.js';
import { isNoRun, lastWeights, type OtherWeights, otherWeights } from './stored-model.js';
import { inWhole, picturesOf, tellChanges } from './tested-images.js';

export interface Model {
  readonly runnable: Runnable;
  readonly weights: string;
  /** What a run knows of its data; nothing of a file with weights. */
  readonly run?: Pick<RunChoices, 'classes' | 'data' | 'limit'>;
  /** Further weights of the run, that its own evaluation does not use. */
  readonly besides?: OtherWeights | undefined;
}

/** The model of a run folder, or of a `.amp` file with weights. */
export async function openModel(target: string, options: ModelOptions & Pick<EvaluateOptions, 'signal'>): Promise<Model> {
  if (await isFolder(target)) {
    const { source, choices } = await readRun(target);
    const { costs, threads, onNotice, signal } = options;
    const backend = options.backend === undefined || options.backend === 'auto' ? choices.backend : options.backend;
    const { settings, formats, images } = choices;
    const runnable = await compileToRun(source, { ...settings, formats, images, costs, threads, onNotice, signal, backend }, 'evaluation');
    const own = options.weights === undefined && { besides: await otherWeights(target, runnable.program.recipe.train.average) };
    return { runnable, weights: options.weights ?? (await lastWeights(target)), run: choices, ...own };
  }
  if (options.weights === undefined) throw await isNoRun(target);
  return { runnable: await compileToRun(target, options, 'evaluation'), weights: options.weights };
}

async function withModel<T>(
  target: string,
  options: ModelOptions & { readonly signal?: AbortSignal | undefined },
  use: (model: Model, executable: Awaited<ReturnType<Runnable['backend']['load']>>) => Promise<T>,
): Promise<T> {
  const model = await openModel(target, options);
  const { plan, backend, program } = model.runnable;
  const values = await loadWeights(model.weights, plan);
  const executable = await backend.load(plan, loadOptions(options));
  try {
    await executable.writeStates(initialStates(plan, program.recipe.train.seed));
    await executable.writeStates(values);
    return await use(model, executable);
  } finally {
    await executable.dispose();
  }
}

export interface TestResult extends Evaluation {
  /** What was tested, where it is not the data set of the file. */
  readonly dataSet?: string;
  /** Of models that result in classes. */
  readonly details?: EvaluationDetails;
  /** Of the mistakes in `details.worst`, in their order, where they were asked for and the images are pictures. */
  readonly pictures?: readonly Uint8Array[];
  /** Of a run that keeps averages, with the weights that its own evaluation does not use; of each image alone, where views are averaged. */
  readonly besides?: NonNullable<Scores['besides']>;
}

const SHOWN_MISTAKES = 20;

function collectorFor(plan: Plan, worst: number): DetailCollector {
  const { graph } = findFunction(plan, 'eval_step')!;
  return new DetailCollector(graph.nodes[graph.outputs.logits!]!.type.shape.at(-1)!, probabilitiesBy(graph), worst);
}

/** Throws UserError AMP7306 where the loss is finite, and what the model gives for some images is not. */
function refuseUnusable({ unusable }: DetailCollector): void {
  if (unusable === 0) return;
  throw userError(
    'AMP7306',
    `the model gives no probabilities for ${unusable} of the test images`,
    'what it results in for them is infinite or NaN',
    'evaluate it with --backend reference, or train it with a format that holds its values',
  );
}

/** Scores with the other weights of a run, which stay; undefined when interrupted. */
async function testBesides(
  { of, path }: OtherWeights,
  executable: Executable,
  plan: Plan,
  set: ImageSet,
  options: RunOptions,
): Promise<Scores['besides']> {
  await executable.writeStates(await loadWeights(path, plan));
  const tested = await runEvaluation(executable, plan, set, options);
  return tested && { [of]: { ...(tested.accuracy !== undefined && { accuracy: tested.accuracy }), loss: tested.loss } };
}

/**
 * Accuracy and loss on the test images, and how well each class is recognized, of a run folder or of a `.amp` file with weights; undefined
 * when `signal` was aborted.
 * Throws UserError for a wrong folder, damaged or foreign weights, missing data, or a loss that is not finite.
 */
export async function evaluate(target: RunReference, options: EvaluateOptions = {}): Promise<TestResult | undefined> {
  refuseUnknown('evaluate', options, EVALUATE_KEYS);
  const { signal, onProgress } = options;
  return withModel(runFolder(target), options, async (model, executable) => {
    const { runnable, run } = model;
    const { plan, program, backend, source } = runnable;
    const load = (other: Plan) => backend.load(other);
    const { dataset, inputShape } = program.recipe;
    const { data, onNotice, workers } = options;
    const classes = countsCorrect(plan) ? await classNames(model, { data }, options.dataSet !== undefined) : undefined;
    const other =
      options.dataSet === undefined || options.batches !== undefined
        ? undefined
        : await openOther(options.dataSet, { shape: inputShape, size: dataset.size, classes, data, signal, onNotice, workers });
    const own = async () => {
      const place = await choosePlace(dataset, data, run?.data, source);
      const found = await openSplit(dataset, 'test', { place, classes: run?.classes, signal, onNotice, workers });
      tellChanges(found.count, source.data?.facts?.images.test, run?.limit, options);
      return found;
    };
    const whole =
      options.batches === undefined
        ? (other?.set ?? (await own()))
        : await collectBatches(options.batches, dataset.image, 'test', program.recipe.classes);
    const set = limitSet(whole, options.limit);
    const collector = countsCorrect(plan) ? collectorFor(plan, options.worst ?? SHOWN_MISTAKES) : undefined;
    const onResult = collector && ((values: Float32Array, index: number) => collector.add(values, index, set));
    const evaluated = await runEvaluation(executable, plan, set, { signal, onProgress, load, onResult });
    if (evaluated === undefined) return undefined;
    const besides = model.besides && (await testBesides(model.besides, executable, plan, set, { signal, onProgress, load }));
    if (model.besides !== undefined && besides === undefined) return undefined;
    const result: TestResult = {
      ...evaluated,
      ...(other && { dataSet: other.name }),
      ...((besides ?? evaluated.plain) && { besides: { ...besides, ...(evaluated.plain && { plain: evaluated.plain }) } }),
    };
    if (result.help === undefined) {
      if (collector === undefined) return result;
      refuseUnusable(collector);
      const details = collector.details(classes ?? []);
      const shown = options.pictures !== undefined && (await picturesOf(set, details, options.pictures));
      return { ...result, details: inWhole(details, set), ...shown };
    }
    const { why, fix } = result.help;
    const also = result.accuracy === undefined ? '' : ', and the test accuracy means nothing';
    throw userError('AMP7304', `the test loss is ${result.loss}${also}`, why, fix);
  });
}

/** Codes of data that is not there. */
const NOT_THERE = new Set(['AMP7001', 'AMP7014', 'AMP7016']);

/**
 * The names that a run was trained with, or that weights have with them where nobody says where the data is (unless `byWeights` is false);
 * for an older run, and for other weights, those of the data set at hand. Where that is not there, and nobody has said where it is, classes
 * have their numbers: weights from elsewhere need no data to predict.
 */
export async function classNames(
  { runnable, run, weights }: Model,
  { data, onNotice }: ModelOptions,
  byWeights = true,
): Promise<readonly string[]> {
  if (run?.classes !== undefined) return run.classes;
  const { dataset, classes } = runnable.program.recipe;
  const own = byWeights && run === undefined && data === undefined ? await classesInWeights(weights, classes ?? 0) : undefined;
  if (own !== undefined) return own;
  const { name } = dataset;
  try {
    const folder = await choosePlace(dataset, data, run?.data, runnable.source);
    const names = await openClasses(dataset, { place: folder, onNotice });
    if (run !== undefined)
      onNotice?.(
        `the run does not say how its classes are called: the names are those of ${name}${folder === undefined ? '' : ` in ${folder}`}`,
      );
    return names;
  } catch (error) {
    const [first] = error instanceof UserError ? error.diagnostics : [];
    if (data !== undefined || first === undefined || !NOT_THERE.has(first.code)) throw error;
    onNotice?.(`classes have their numbers as names: ${first.message}`);
    return Array.from({ length: classes ?? 0 }, (_, label) => String(label));
  }
}

/** Files as they are, and the pictures in folders. Throws UserError AMP7403, or tells `onFailure`, of folders without any. */
async function expandFolders(paths: readonly string[], onFailure: PredictOptions['onFailure']): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const pictures = (await isFolder(path)) ? picturesBelow(path) : [path];
    found.push(...pictures);
    if (pictures.length > 0) continue;
    const fix = 'give pictures, or a folder that has some in it or in folders below it';
    const error = userError('AMP7403', `there are no pictures in ${path}`, 'none of its files is called as one, such as .jpg or .png', fix);
    if (onFailure === undefined) throw error;
    onFailure(error);
  }
  return found;
}

/**
 * The most probable classes of pictures (JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP, PPM or PGM), also of all that are in a folder. Throws
 * UserError as `evaluate`, for unreadable pictures, for folders without any, and AMP7402 for a model that results in no classes
 * or takes more than a picture.
 */
export async function predict(
  target: RunReference,
  pictures: readonly string[],
  options: PredictOptions = {},
): Promise<readonly Prediction[]> {
  refuseUnknown('predict', options, PREDICT_KEYS);
  // Brings an image library, which nothing else needs.
  const { predictImages } = await import('../training/predict.js');
  return withModel(runFolder(target), options, async (model, executable) => {
    const { plan, program } = model.runnable;
    if (!countsCorrect(plan))
      throw userError(
        'AMP7402',
        `${plan.model} has no classes to name`,
        'its loss compares what it results in with the image',
        'measure how near it comes with ampc eval',
      );
    const { size, inputs: [further] = [] } = program.recipe.dataset;
    if (further !== undefined)
      throw userError(
        'AMP7402',
        `${plan.model} takes more than a picture`,
        `it takes \`${further.name}\` of each image as well, which a picture does not have`,
        'measure it on arrays that have both with ampc eval',
      );
    const [classes, paths] = [await classNames(model, options), await expandFolders(pictures, options.onFailure)];
    return predictImages(executable, plan, paths, { classes, size, top: options.top, onFailure: options.onFailure });
  });
}
