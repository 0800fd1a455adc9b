import { groupNormLayer, instanceNormLayer } from '../../src/ops/layers/group-norm.js';
import { localResponseNormLayer } from '../../src/ops/layers/local-response-norm.js';
import fixture from '../fixtures/pytorch/norms.json' with { type: 'json' };
import { checkLayer } from './pytorch-layer.js';

describe('PyTorch semantics of norms by channel', () => {
  it('GroupNorm', () => checkLayer(groupNormLayer, { groups: 3 }, fixture.group_norm));
  it('GroupNorm of one group', () => checkLayer(groupNormLayer, { groups: 1, eps: 1e-2 }, fixture.group_norm_of_one));
  it('GroupNorm that learns nothing', () =>
    checkLayer(groupNormLayer, { groups: 2, scale: false, shift: false }, fixture.group_norm_plain));
  it('GroupNorm of features', () => checkLayer(groupNormLayer, { groups: 2 }, fixture.group_norm_of_features));
  it('GroupNorm of a sequence, each channel by itself', () => checkLayer(groupNormLayer, { groups: 4 }, fixture.group_norm_of_sequence));
  it('InstanceNorm2d', () => checkLayer(instanceNormLayer, {}, fixture.instance_norm));
  it('InstanceNorm2d that is affine', () => checkLayer(instanceNormLayer, { scale: true, shift: true }, fixture.instance_norm_affine));
  it('LocalResponseNorm', () => checkLayer(localResponseNormLayer, { size: 5 }, fixture.local_response_norm));
  it('LocalResponseNorm of an even number of channels', () =>
    checkLayer(localResponseNormLayer, { size: 4, alpha: 0.9, beta: 0.6, k: 2 }, fixture.local_response_norm_even));
  it('LocalResponseNorm over more channels than there are', () =>
    checkLayer(localResponseNormLayer, { size: 7, alpha: 0.5 }, fixture.local_response_norm_wide));
});
