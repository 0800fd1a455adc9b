import { BESIDES, type Besides, type EpochEvent } from '../index.js';
import { trainLossCell } from './epoch-losses.js';
import { formatCount, formatDuration, formatLoss, formatPercent } from './output.js';

interface Column {
  readonly title: string;
  readonly cell: (epoch: EpochEvent) => string;
  /** Left out where no epoch has it. */
  readonly isKnown?: (epoch: EpochEvent) => boolean;
}

const percent = (accuracy: number | null | undefined): string => (typeof accuracy === 'number' ? formatPercent(accuracy) : '-');
const isAccuracy = (accuracy: number | null | undefined): boolean => typeof accuracy === 'number';

/** Of the scores besides the test accuracy; of the loss where there is no accuracy. */
function besidesColumns(name: Besides): readonly Column[] {
  const scoresOf = (epoch: EpochEvent) => ({ loss: epoch[`${name}_test_loss`], accuracy: epoch[`${name}_test_accuracy`] });
  return [
    {
      title: `${name} loss`,
      cell: (epoch) => (scoresOf(epoch).loss === undefined ? '-' : formatLoss(scoresOf(epoch).loss!)),
      isKnown: (epoch) => scoresOf(epoch).loss !== undefined && !isAccuracy(scoresOf(epoch).accuracy),
    },
    { title: name, cell: (epoch) => percent(scoresOf(epoch).accuracy), isKnown: (epoch) => isAccuracy(scoresOf(epoch).accuracy) },
  ];
}

/** Of the table of epochs. A model that results in images has no accuracy, and its losses are what it is judged by. */
export const COLUMNS: readonly Column[] = [
  { title: 'epoch', cell: ({ epoch }) => String(epoch) },
  { title: 'train loss', cell: trainLossCell },
  {
    title: 'validation loss',
    cell: ({ validation_loss: loss }) => (loss === undefined ? '-' : formatLoss(loss)),
    isKnown: ({ validation_loss: loss, validation_accuracy: accuracy }) => loss !== undefined && !isAccuracy(accuracy),
  },
  {
    title: 'validation',
    cell: ({ validation_accuracy }) => percent(validation_accuracy),
    isKnown: ({ validation_accuracy }) => isAccuracy(validation_accuracy),
  },
  { title: 'test loss', cell: ({ test_loss }) => formatLoss(test_loss) },
  {
    title: 'test accuracy',
    cell: ({ test_accuracy }) => percent(test_accuracy),
    isKnown: ({ test_accuracy, test_loss }) => isAccuracy(test_accuracy) || test_loss === null,
  },
  ...BESIDES.flatMap(besidesColumns),
  { title: 'images/s', cell: ({ images_per_second }) => formatCount(Math.round(images_per_second)) },
  { title: 'skipped', cell: ({ skipped_steps }) => String(skipped_steps) },
  { title: 'time', cell: ({ seconds }) => formatDuration(seconds) },
];
