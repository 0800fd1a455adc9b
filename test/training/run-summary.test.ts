import assert from 'node:assert/strict';
import type { EpochEvent, TrainEvent } from '../../src/training/events.js';
import { runResults } from '../../src/training/run-summary.js';

function epoch(number: number, scores: Partial<EpochEvent>): EpochEvent {
  const none = { train_loss: 1, test_loss: null, test_accuracy: null, images_per_second: 1, skipped_steps: 1, seconds: 2 };
  return { event: 'epoch', epoch: number, ...none, ...scores };
}

const best = (...events: readonly TrainEvent[]) => runResults(events, { isHeld: false }).best;

describe('the best epoch of a run', () => {
  it('has the highest test accuracy, the first of several', () => {
    const accuracies = [0.5, 0.75, 0.75, 0.25];
    const events = accuracies.map((test_accuracy, index) => epoch(index + 1, { test_accuracy, test_loss: 1 - index }));
    assert.deepEqual(best(...events), { epoch: 2, accuracy: 0.75, loss: 0 });
  });

  it('has the lowest test loss where the model results in no classes', () => {
    assert.equal(best(epoch(1, { test_loss: 3 }), epoch(2, { test_loss: 1 }), epoch(3, { test_loss: 2 }))?.epoch, 2);
  });

  it('is chosen by the validation images where there are any, and has the scores of the test images', () => {
    const first = epoch(1, { validation_accuracy: 0.9, validation_loss: 1, test_accuracy: 0.5, test_loss: 2 });
    const second = epoch(2, { validation_accuracy: 0.8, validation_loss: 0.5, test_accuracy: 0.7, test_loss: 1 });
    assert.deepEqual(best(first, second), { epoch: 1, accuracy: 0.5, loss: 2 });
    const losses = [3, 1, 2].map((validation_loss, index) => epoch(index + 1, { validation_loss, test_loss: index }));
    assert.deepEqual(best(...losses), { epoch: 2, accuracy: null, loss: 1 });
  });

  it('is none where nothing was tested', () => {
    assert.equal(best(epoch(1, {})), null);
    assert.equal(best(), null);
  });
});

describe('where a run stands', () => {
  const step: TrainEvent = { event: 'step', step: 7, epoch: 1, loss: 1, lr: 1, loss_scale: 1, skipped: false };

  it('is told by its checkpoint where that is further than its metrics', () => {
    const { state, steps, seconds, skipped, epochs } = runResults([step, epoch(1, {})], { isHeld: false, step: 9, seconds: 30 });
    assert.deepEqual([state, steps, seconds, skipped, epochs], ['interrupted', 9, 30, 1, 1]);
  });

  it('is running while a process holds it, whatever its metrics end with', () => {
    const done: TrainEvent = { event: 'done', test_accuracy: 0.5, test_loss: 1, seconds: 3, steps: 8 };
    assert.equal(runResults([step, done], { isHeld: true }).state, 'running');
    const { state, accuracy, loss, steps } = runResults([step, done], { isHeld: false });
    assert.deepEqual([state, accuracy, loss, steps], ['complete', 0.5, 1, 8]);
  });
});
