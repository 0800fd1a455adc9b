import { DEFAULT_PATIENCE, type EarlyStopSpec, MONITORED, type Monitored } from '../../ir/early-stop.js';
import { type Word, word } from '../setting.js';

const DOCS = {
  train_loss: 'the mean loss of the steps of an epoch',
  validation_loss: 'of the images that are kept for validation',
  validation_accuracy: 'of the images that are kept for validation',
  test_loss: 'of the test images, which then choose the end of the run',
  test_accuracy: 'of the test images, which then choose the end of the run',
} as const satisfies Record<Monitored, string>;

function watching(metric: Monitored): Word<EarlyStopSpec> {
  return word(
    DOCS[metric],
    {
      patience: { kind: 'int', default: DEFAULT_PATIENCE, min: 1, max: 1_000_000, doc: 'epochs without a better value' },
      min_delta: { kind: 'number', default: 0, min: 0, doc: 'a value is better only by more than this' },
    },
    ({ patience, min_delta }) => ({ metric, patience, minDelta: min_delta }),
  );
}

/** What a run can be ended by. */
export const EARLY_STOPS = Object.fromEntries(MONITORED.map((metric) => [metric, watching(metric)])) as Readonly<
  Record<Monitored, Word<EarlyStopSpec>>
>;
