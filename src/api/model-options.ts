import type { CostOptions } from '../choose/formats.js';
import { type KeysOf, SETTING_KEYS } from '../choose/option-keys.js';
import type { BackendChoice } from '../choose/plan-file.js';
import type { Settings } from '../choose/settings.js';
import type { UserError } from '../diagnostics/diagnostic.js';
import type { Batches } from '../training/data/batches.js';

export interface ModelOptions extends Settings, CostOptions {
  /** Default `auto`; for a run, the backend that it was trained with. */
  readonly backend?: BackendChoice | undefined;
  /** Safetensors file; default for a run: its `last.safetensors`. */
  readonly weights?: string | undefined;
  readonly data?: string | undefined;
}

export interface EvaluateOptions extends ModelOptions {
  /** Images and labels of the caller instead of the data set's test images. */
  readonly batches?: Batches | undefined;
  /**
   * Another data set than the file's, as a file has it (`folder("photos")`), or the path of a folder or file: its test images, or all of it
   * where it is not divided. Classes are matched by name.
   */
  readonly dataSet?: string | undefined;
  /** Tests no more than so many images, of every class its share. Default: all, also of a run that was trained on fewer. */
  readonly limit?: number | undefined;
  /** Mistakes that are told. Default: 20. */
  readonly worst?: number | undefined;
  /** Pictures of those mistakes come along, as PNG with no side longer than so many pixels. Default: none. */
  readonly pictures?: number | undefined;
  /** Threads that decode pictures; default: as many as there are cores, at most 16. */
  readonly workers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface PredictOptions extends ModelOptions {
  /** Classes that are told of each picture; default 3. */
  readonly top?: number | undefined;
  /** Told of the pictures that have no answer, so that the others keep theirs; without it `predict` throws the error. */
  readonly onFailure?: ((error: UserError) => void) | undefined;
}

export const MODEL_KEYS: KeysOf<ModelOptions> = {
  ...SETTING_KEYS,
  backend: true,
  costs: true,
  data: true,
  onNotice: true,
  threads: true,
  weights: true,
};

export const EVALUATE_KEYS: KeysOf<EvaluateOptions> = {
  ...MODEL_KEYS,
  batches: true,
  dataSet: true,
  limit: true,
  onProgress: true,
  pictures: true,
  signal: true,
  workers: true,
  worst: true,
};

export const PREDICT_KEYS: KeysOf<PredictOptions> = { ...MODEL_KEYS, onFailure: true, top: true };
