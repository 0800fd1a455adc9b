import { basename } from 'node:path';
import sharp from 'sharp';
import { type Diagnostic, UserError } from '../diagnostics/diagnostic.js';
import { elementCount, type Graph, type Shape } from '../ir/types.js';
import type { Plan } from '../plan/plan.js';
import type { Executable } from '../runtime/backend.js';
import { explainEvaluation } from './lost-evaluation.js';
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

/**
 * Reads a picture of any format that sharp knows as u8 NHWC of `shape` (H, W, 1 or 3 channels): turned upright, transparent parts
 * on white, scaled to cover the size and cut around the centre.
 */
export async function readImage(path: string, [height = 0, width = 0, channels = 0]: Shape): Promise<Uint8Array> {
  const picture = sharp(path).autoOrient().resize(width, height, { fit: 'cover' }).flatten({ background: '#ffffff' });
  const { data } = await picture
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (data.length !== height * width * channels) throw new Error(`${data.length} bytes for [${height}, ${width}, ${channels}]`);
  return data;
}

async function readAll(paths: readonly string[], shape: Shape): Promise<Uint8Array[]> {
  const results = await Promise.allSettled(paths.map((path) => readImage(path, shape)));
  const diagnostics: Diagnostic[] = [];
  const images: Uint8Array[] = [];
  for (const [index, result] of results.entries()) {
    if (result.status === 'fulfilled') {
      images.push(result.value);
      continue;
    }
    diagnostics.push({
      code: 'AMP7401',
      severity: 'error',
      message: `${paths[index]} cannot be read as a picture`,
      why: (result.reason as Error).message.replace(paths[index] ?? '', basename(paths[index] ?? '')),
      fix: 'give PNG or JPEG files',
    });
  }
  if (diagnostics.length > 0) throw new UserError(diagnostics);
  return images;
}

function softmax(logits: Float32Array): number[] {
  const greatest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = Array.from(logits, (value) => Math.exp(value - greatest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Probabilities of the classes from what the model gives: what its loss takes of logits, unless the model has done so itself. */
function probabilityRule({ nodes, outputs }: Graph): (values: Float32Array) => number[] {
  let last = nodes[outputs.logits!]!;
  while (last.op === 'cast' || last.op === 'reshape') last = nodes[last.inputs[0]!]!;
  if (last.op === 'softmax' || last.op === 'sigmoid') return (values) => [...values];
  const binary = outputs.loss !== undefined && nodes[outputs.loss]!.op === 'binary_cross_entropy';
  return binary ? (values) => Array.from(values, (value) => 1 / (1 + Math.exp(-value))) : softmax;
}

/**
 * Classifies pictures with the model in `executable`. `classes` are the names by label; a model with more outputs than names gives the
 * others their number. Throws UserError AMP7401 for all files that cannot be read, AMP7306 for those whose values are not finite.
 */
export async function predictImages(
  executable: Executable,
  plan: Plan,
  paths: readonly string[],
  { classes, top = 3 }: { readonly classes: readonly string[]; readonly top?: number },
): Promise<Prediction[]> {
  const fn = findFunction(plan, 'eval_step');
  const input = fn?.graph.nodes.find((node) => node.op === 'input' && node.attrs.name === 'image');
  if (fn === undefined || input === undefined) throw new Error('the plan has no eval_step with an image');
  const shape = input.type.shape.slice(1);
  const pictures = await readAll(paths, shape);
  const probabilitiesOf = probabilityRule(fn.graph);
  const predictions: Prediction[] = [];
  const failures: Diagnostic[] = [];
  for (let first = 0; first < pictures.length; first += fn.batch) {
    const image = new Uint8Array(fn.batch * elementCount(shape));
    const label = new Int32Array(fn.batch).fill(-1);
    const chunk = pictures.slice(first, first + fn.batch);
    for (const [slot, picture] of chunk.entries()) image.set(picture, slot * picture.length);
    await executable.call('eval_step', { image, label });
    const logits = (await executable.readOutput('logits')).slice();
    const width = logits.length / fn.batch;
    for (const slot of chunk.keys()) {
      const probabilities = probabilitiesOf(logits.subarray(slot * width, (slot + 1) * width));
      if (!probabilities.every(Number.isFinite)) {
        const help = await explainEvaluation({ plan, executable }, { image, label });
        failures.push({
          code: 'AMP7306',
          severity: 'error',
          message: `the model gives no probabilities for ${paths[first + slot]}`,
          ...help,
        });
        continue;
      }
      const ranked = probabilities.map((probability, index) => ({ label: index, name: classes[index] ?? String(index), probability }));
      ranked.sort((a, b) => b.probability - a.probability);
      predictions.push({ path: paths[first + slot] as string, top: ranked.slice(0, top) });
    }
  }
  await executable.drain();
  if (failures.length > 0) throw new UserError(failures);
  return predictions;
}
