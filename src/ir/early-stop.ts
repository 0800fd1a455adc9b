/** Numbers of an epoch that early stopping can watch, by their names in its line. */
export const MONITORED = ['train_loss', 'validation_loss', 'validation_accuracy', 'test_loss', 'test_accuracy'] as const;
export type Monitored = (typeof MONITORED)[number];

/** A run ends when the metric was not better than its best by more than `minDelta` in so many epochs. */
export interface EarlyStopSpec {
  readonly metric: Monitored;
  readonly patience: number;
  readonly minDelta: number;
}

export const DEFAULT_PATIENCE = 3;
