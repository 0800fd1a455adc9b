import { checkFilled } from '../datafiles/classes.js';
import { userError } from '../diagnostics/diagnostic.js';
import { type EpochDivision, stepsPerEpoch } from '../ir/epoch.js';
import { comparesImages } from '../ir/program.js';
import { sameShape } from '../ir/types.js';
import type { TrainOptions } from './options.js';

/** Throws UserError: AMP7006 images or classes that the model is not for, AMP7007 fewer images than a step takes, as `checkFilled`. */
export function checkData({ recipe, dataset }: Pick<TrainOptions, 'recipe' | 'dataset'>, division: EpochDivision): void {
  const { shape } = dataset.train;
  if (!sameShape(shape, recipe.inputShape)) {
    throw userError(
      'AMP7006',
      `${recipe.model} does not fit the data set ${dataset.name}`,
      `the model takes images [${recipe.inputShape.join(', ')}], the data set has [${shape.join(', ')}]`,
      'change the model’s input shape or the dataset block',
    );
  }
  if (!comparesImages(recipe.train.loss) && dataset.classes.length > recipe.classes) {
    throw userError(
      'AMP7006',
      `${recipe.model} does not fit the data set ${dataset.name}`,
      `the model tells ${recipe.classes} classes apart, the data set has ${dataset.classes.length}`,
      'change the model’s output shape or the dataset block',
    );
  }
  checkFilled(dataset.name, { train: dataset.train.count });
  if (stepsPerEpoch(division) > 0) return;
  const { batch, accumulate } = division;
  const sizes = `a step takes ${batch} x ${accumulate} images, ${dataset.name} has ${dataset.train.count}`;
  throw userError(
    'AMP7007',
    'the data set is smaller than one step',
    `${sizes}, and with \`drop_last true\` there is no smaller one`,
    'leave out `drop_last`, use a smaller batch or accumulate less',
  );
}
