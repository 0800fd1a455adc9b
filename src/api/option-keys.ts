import { userError } from '../diagnostics/diagnostic.js';
import { closest } from '../diagnostics/suggest.js';
import type { TrainOptions } from './train-choices.js';

const TRAIN_KEYS = {
  augment: true,
  backend: true,
  batch: true,
  batches: true,
  calibration: true,
  callbacks: true,
  checkpointSteps: true,
  compileAll: true,
  costs: true,
  csv: true,
  data: true,
  epochs: true,
  histograms: true,
  init: true,
  initLayout: true,
  initMap: true,
  initPartial: true,
  logEvery: true,
  maxSteps: true,
  onEvent: true,
  onNotice: true,
  onProgress: true,
  onWarnings: true,
  out: true,
  policy: true,
  precision: true,
  replan: true,
  resume: true,
  seed: true,
  set: true,
  shuffle: true,
  signal: true,
  strictRanges: true,
  tensorboard: true,
  testAtMost: true,
  threads: true,
  workers: true,
} as const satisfies Record<keyof TrainOptions, true>;

/**
 * Refuses keys that are nearly those of options: they would say nothing, and the run would be another one than was meant. Others are passed
 * over. Throws UserError AMP6214.
 */
export function refuseMisspelt(options: TrainOptions): void {
  const names = Object.keys(TRAIN_KEYS);
  for (const key of Object.keys(options)) {
    const near = Object.hasOwn(TRAIN_KEYS, key) ? undefined : closest(key, names);
    if (near !== undefined)
      throw userError('AMP6214', `train has no option \`${key}\``, 'it would say nothing', `did you mean \`${near}\`?`);
  }
}
