import { READ_FORMATS } from '../datasets/picture-formats.js';
import type { ImageSize } from '../datasets/source.js';
import { type Diagnostic, UserError, userError } from '../diagnostics/diagnostic.js';
import { fileFix, fileReason, isSystemError } from '../files/reason.js';
import type { Shape } from '../ir/types.js';
import type { Plan } from '../plan/plan.js';
import { readFile } from '../platform/files.js';
import type { Executable } from '../runtime/backend.js';
import { decodePicture } from './data/picture.js';
import { evaluatedOf, inputsOf, logitsOf } from './logits.js';
import { explainEvaluation } from './overflow/lost-evaluation.js';
import { probabilitiesBy } from './probabilities.js';
import { findFunction } from './states.js';

export interface ClassProbability {
  readonly label: number;
  readonly name: string;
  readonly probability: number;
}

export interface Prediction {
  readonly path: string;
  /** Most probable first. */
  readonly top: readonly ClassProbability[];
}

/** Reads a picture of any of READ_FORMATS, as `decodePicture`. Throws the system's error, or that of sharp. */
export async function readImage(path: string, shape: Shape, size?: ImageSize): Promise<Uint8Array> {
  return decodePicture(await readFile(path), shape, size);
}

interface Picture {
  readonly path: string;
  readonly pixels: Uint8Array;
}

/** The pictures that can be read; a diagnostic for each of the others. */
async function readAll(paths: readonly string[], shape: Shape, size: ImageSize | undefined, failures: Diagnostic[]): Promise<Picture[]> {
  const results = await Promise.allSettled(paths.map((path) => readImage(path, shape, size)));
  return results.flatMap((result, index) => {
    const path = paths[index]!;
    if (result.status === 'fulfilled') return [{ path, pixels: result.value }];
    failures.push({
      code: 'AMP7401',
      severity: 'error',
      message: `${path} cannot be read as a picture`,
      why: fileReason(result.reason),
      fix: isSystemError(result.reason) ? fileFix(result.reason) : `give a file of ${READ_FORMATS}`,
    });
    return [];
  });
}

const MOST_CHANNELS = 4;

export interface PredictOptions {
  readonly classes: readonly string[];
  /** How pictures of another size are brought to that of the model. */
  readonly size?: ImageSize | undefined;
  /** Classes that are told of each picture; default 3. */
  readonly top?: number | undefined;
  readonly onFailure?: ((error: UserError) => void) | undefined;
}

/**
 * Classifies pictures with the model in `executable`. `classes` are the names by label; a model with more outputs than names gives the
 * others their number. The answers for the other pictures are given whatever happens to some: `onFailure` takes the UserError for these,
 * AMP7401 for files that cannot be read, AMP7306 for those whose values are not finite. Without it that error is thrown.
 */
export async function predictImages(
  executable: Executable,
  plan: Plan,
  paths: readonly string[],
  { classes, size, top = 3, onFailure }: PredictOptions,
): Promise<Prediction[]> {
  const evaluated = evaluatedOf(plan);
  const { batch, shape } = evaluated;
  const channels = shape.at(-1) ?? 0;
  if (channels > MOST_CHANNELS)
    throw userError(
      'AMP7401',
      `the model takes images of ${channels} channels, which no picture has`,
      'pictures have 1 (grey) to 4 (colour and transparency)',
      'score it on a data set of arrays with `ampc eval`',
    );
  const failures: Diagnostic[] = [];
  const probabilitiesOf = probabilitiesBy(findFunction(plan, 'eval_step')!.graph);
  const predictions: Prediction[] = [];
  for (let first = 0; first < paths.length; first += batch) {
    const chunk = await readAll(paths.slice(first, first + batch), shape, size, failures);
    if (chunk.length === 0) continue;
    const images = chunk.map(({ pixels }) => pixels);
    const logits = await logitsOf(executable, plan, images);
    for (const [slot, { path }] of chunk.entries()) {
      const probabilities = probabilitiesOf(logits[slot]!);
      if (!probabilities.every(Number.isFinite)) {
        const help = await explainEvaluation({ plan, executable }, inputsOf(evaluated, images));
        failures.push({
          code: 'AMP7306',
          severity: 'error',
          message: `the model gives no probabilities for ${path}`,
          ...help,
        });
        continue;
      }
      const ranked = probabilities.map((probability, index) => ({ label: index, name: classes[index] ?? String(index), probability }));
      ranked.sort((a, b) => b.probability - a.probability);
      predictions.push({ path, top: ranked.slice(0, top) });
    }
  }
  if (failures.length === 0) return predictions;
  const error = new UserError(failures);
  if (onFailure === undefined) throw error;
  onFailure(error);
  return predictions;
}
