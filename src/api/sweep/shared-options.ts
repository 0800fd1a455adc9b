import { given } from '../../given.js';
import type { TrainOptions } from '../train.js';

/** What a sweep hands on to each of its runs. */
export type SharedOptions = Omit<
  TrainOptions,
  | 'backend'
  | 'out'
  | 'resume'
  | 'threads'
  | 'signal'
  | 'onEvent'
  | 'onProgress'
  | 'onNotice'
  | 'onWarnings'
  | 'callbacks'
  | 'batches'
  | 'compileAll'
  | 'testAtMost'
>;

/** The options that decide what a run becomes, as text; `set` and the file have the rest. */
export function optionFacts({ shuffle, augment, strictRanges, ...options }: SharedOptions): Record<string, string> {
  const {
    epochs,
    batch,
    precision,
    policy,
    seed,
    data,
    maxSteps,
    limit,
    init,
    initMap,
    initPartial,
    initLayout,
    calibration,
    replan,
    costs,
  } = options;
  const facts = given({
    ...{ epochs, batch, precision, policy, seed, data, 'max-steps': maxSteps, limit, init, calibration, replan, costs },
    'init-map': initMap?.join(' '),
    'init-partial': initPartial || undefined,
    'init-layout': initLayout,
    'no-shuffle': shuffle === false || undefined,
    'no-augment': augment === false || undefined,
    'strict-ranges': strictRanges || undefined,
  });
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [`--${name}`, String(value)]));
}
