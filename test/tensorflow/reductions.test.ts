import { checkEqualNumbers, checkNorms, checkOtherSums, checkWeightGradients } from '../ops/reductions.js';
import { loadTensorflow, requireTensorflow } from './support.js';

describe('sums on tensorflow', function () {
  this.timeout(300_000);

  before(async function () {
    await requireTensorflow(this);
  });

  it('are off by no more for a large batch than for a small one', () => checkOtherSums('tensorflow', loadTensorflow));
  it('of products as well', () => checkWeightGradients('tensorflow', loadTensorflow));
  it('of equal numbers have that number for their mean', () => checkEqualNumbers('tensorflow', loadTensorflow));
  it('of squares neither overflow nor vanish in a norm', () => checkNorms('tensorflow', loadTensorflow));
});
