import { type KeysOf, refuseUnknown } from '../choose/option-keys.js';
import { userError } from '../diagnostics/diagnostic.js';
import { fileFix, fileReason, isSystemError } from '../files/reason.js';
import { elementCount, type Shape } from '../ir/types.js';
import { readFile } from '../platform/files.js';
import { shownValue } from '../platform/system.js';
import { loadOptions } from '../runtime/load-options.js';
import { loadWeights } from '../training/init/load.js';
import { evaluatedOf, logitsOf } from '../training/logits.js';
import type { ClassProbability } from '../training/predict.js';
import { probabilitiesBy } from '../training/probabilities.js';
import { countsCorrect, findFunction, initialStates } from '../training/states.js';
import { classNames, type Model, openModel } from './evaluate.js';
import { MODEL_KEYS, type ModelOptions } from './model-options.js';
import { type RunReference, runFolder } from './run-reference.js';

/**
 * A picture: the path of a file, the bytes of one (PNG, JPEG, …), or pixels of the model's own size, row by row with their channels
 * together, as bytes from 0 to 255 or floats from 0 to 1.
 */
export type Picture = string | Uint8Array | Float32Array;

export interface PictureResult {
  /** What the model results in: logits of its classes, or an image. */
  readonly output: Float32Array;
  /** By label; of models that result in classes. */
  readonly probabilities?: readonly number[];
  /** Most probable first; of models that result in classes. */
  readonly top?: readonly ClassProbability[];
}

export interface LoadOptions extends ModelOptions {
  /** Classes in `top`; default 3. */
  readonly top?: number | undefined;
}

const LOAD_KEYS: KeysOf<LoadOptions> = { ...MODEL_KEYS, top: true };

type Loaded = Awaited<ReturnType<Model['runnable']['backend']['load']>>;

/** A model with its weights on a device. */
export class LoadedModel {
  /** [height, width, channels] of its images. */
  readonly shape: Shape;
  private isClosed = false;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly model: Model,
    private readonly executable: Loaded,
    /** Names by label; none of a model that results in no classes. */
    readonly classes: readonly string[],
    private readonly top: number,
  ) {
    this.shape = evaluatedOf(model.runnable.plan).shape;
  }

  get name(): string {
    return this.model.runnable.plan.model;
  }

  /**
   * What the model says of a picture, or of several. Throws UserError AMP7401 for one that cannot be read, AMP7404 for other pixels and
   * what is no picture, and AMP7405 after `close`.
   */
  predict(picture: Picture): Promise<PictureResult>;
  predict(pictures: readonly Picture[]): Promise<readonly PictureResult[]>;
  async predict(input: Picture | readonly Picture[]): Promise<PictureResult | readonly PictureResult[]> {
    this.refuseClosed();
    const isOne = !Array.isArray(input);
    const pictures = (isOne ? [input] : input) as readonly Picture[];
    const images = await Promise.all(pictures.map((picture) => this.pixels(picture)));
    const { plan } = this.model.runnable;
    const { batch } = evaluatedOf(plan);
    const results: PictureResult[] = [];
    for (let first = 0; first < images.length; first += batch)
      for (const output of await this.inTurn(() => logitsOf(this.executable, plan, images.slice(first, first + batch))))
        results.push(this.resultOf(output));
    return isOne ? results[0]! : results;
  }

  /** Gives the device's memory back. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.inTurn(() => this.executable.dispose());
  }

  private refuseClosed(): void {
    if (!this.isClosed) return;
    throw userError(
      'AMP7405',
      `${this.name} is closed`,
      'its memory was given back by close()',
      'call close() behind the last predict(), or load it again',
    );
  }

  /** One call after the other, whoever asks: the device has one set of results. */
  private inTurn<T>(run: () => T | Promise<T>): Promise<T> {
    const next = this.last.then(run, run);
    this.last = next.catch(() => undefined);
    return next;
  }

  private resultOf(output: Float32Array): PictureResult {
    const { plan } = this.model.runnable;
    if (!countsCorrect(plan)) return { output };
    const probabilities = [...probabilitiesBy(findFunction(plan, 'eval_step')!.graph)(output)];
    const ranked = probabilities.map((probability, label) => ({ label, name: this.classes[label] ?? String(label), probability }));
    ranked.sort((a, b) => b.probability - a.probability);
    return { output, probabilities, top: ranked.slice(0, this.top) };
  }

  private async pixels(picture: Picture): Promise<Uint8Array> {
    const size = elementCount(this.shape);
    if (typeof picture !== 'string' && !(picture instanceof Uint8Array) && !(picture instanceof Float32Array))
      throw userError(
        'AMP7404',
        `${shownValue(picture)} is no picture`,
        'a picture is the path of a file, a Uint8Array or a Float32Array',
        'give one, or an array of such',
      );
    if (picture instanceof Float32Array) {
      const wrong = picture.findIndex((value) => !(value >= 0 && value <= 1));
      if (picture.length === size && wrong < 0) return Uint8Array.from(picture, (value) => Math.round(value * 255));
      throw userError(
        'AMP7404',
        'these floats are no image of the model',
        picture.length === size
          ? `number ${wrong} is ${picture[wrong]}`
          : `there are ${picture.length}, and [${this.shape.join(', ')}] are ${size}`,
        'give pixels from 0 to 1, row by row, channels together; the model normalizes them itself',
      );
    }
    if (typeof picture !== 'string' && picture.length === size) return picture;
    // Brings an image library, which nothing else needs.
    const { decodePicture } = await import('../training/data/picture.js');
    try {
      const bytes = typeof picture === 'string' ? await readFile(picture) : picture;
      return await decodePicture(bytes, this.shape, this.model.runnable.program.recipe.dataset.size);
    } catch (error) {
      const what = typeof picture === 'string' ? picture : `these ${picture.length} bytes`;
      const fix = isSystemError(error) ? fileFix(error) : `give a picture, or the ${size} bytes of [${this.shape.join(', ')}]`;
      throw userError('AMP7401', `${what} cannot be read as a picture`, fileReason(error), fix);
    }
  }
}

/**
 * The model of a run, with its last weights or those of `weights`, or of a `.amp` file with `weights`, ready to predict. Throws UserError
 * as `evaluate`.
 */
export async function load(target: RunReference, options: LoadOptions = {}): Promise<LoadedModel> {
  refuseUnknown('load', options, LOAD_KEYS);
  const model = await openModel(runFolder(target), options);
  const { plan, backend, program } = model.runnable;
  const values = await loadWeights(model.weights, plan);
  const classes = countsCorrect(plan) ? await classNames(model, options) : [];
  const executable = await backend.load(plan, loadOptions(options));
  await executable.writeStates(initialStates(plan, program.recipe.train.seed));
  await executable.writeStates(values);
  return new LoadedModel(model, executable, classes, options.top ?? 3);
}
