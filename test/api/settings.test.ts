import assert from 'node:assert/strict';
import { mergeSettings, pickSettings } from '../../src/choose/settings.js';

describe('settings', () => {
  it('keep nothing that was left out, and nothing else', () => {
    const options = { batch: 8, epochs: undefined, out: 'x' };
    assert.deepEqual(pickSettings(options), { batch: 8 });
  });

  it('of a resumed run give way to those given now', () => {
    assert.deepEqual(mergeSettings({ batch: 8, seed: 1, set: ['train.lr=1'] }, { epochs: 3, seed: 2, set: ['train.lr=2'] }), {
      batch: 8,
      epochs: 3,
      seed: 2,
      // In order: the last one of a key counts.
      set: ['train.lr=1', 'train.lr=2'],
    });
    assert.deepEqual(mergeSettings({ set: ['train.epochs=2', 'train.lr=1', 'train.lr=2'] }, { epochs: 3, set: ['train.lr=1'] }), {
      epochs: 3,
      set: ['train.lr=2', 'train.lr=1'],
    });
  });
});
