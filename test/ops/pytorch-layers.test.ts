import { preluLayer } from '../../src/ops/layers/activation.js';
import fixture from '../fixtures/pytorch/layers.json' with { type: 'json' };
import { checkLayer } from './pytorch-layer.js';

describe('PyTorch semantics of layers', () => {
  it('PReLU', () => checkLayer(preluLayer, {}, fixture.prelu));
  it('PReLU with a number for each channel', () => checkLayer(preluLayer, { per_channel: true }, fixture.prelu_per_channel));
});
