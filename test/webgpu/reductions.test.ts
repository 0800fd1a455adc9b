import { loadPlan } from '../../src/runtime/webgpu/index.js';
import { checkEqualNumbers, checkNorms, checkOtherSums, checkWeightGradients } from '../ops/reductions.js';
import { needAdapter } from './adapter.js';

describe('sums on webgpu', function () {
  this.timeout(600_000);

  before(async function () {
    await needAdapter(this);
  });

  it('are off by no more for a large batch than for a small one', () => checkOtherSums('webgpu', loadPlan));
  it('of products as well', () => checkWeightGradients('webgpu', loadPlan));
  it('of products as well, with tiles in workgroup memory', () =>
    checkWeightGradients('webgpu', (plan) => loadPlan(plan, { contractions: 'tiles' })));
  it('of equal numbers have that number for their mean', () => checkEqualNumbers('webgpu', loadPlan));
  it('of squares neither overflow nor vanish in a norm', () => checkNorms('webgpu', loadPlan));
});
