import assert from 'node:assert/strict';
import { printPlan } from '../../src/plan/print.js';
import { diagnoseRun } from '../../src/training/diagnose.js';
import { simpleCnn } from '../support/models.js';
import { type ProgramOptions, planOf } from '../support/network.js';

const planText = (precision: ProgramOptions['precision'] = {}) => printPlan(planOf(simpleCnn, { image: [16, 16, 3], precision }));
const START = { event: 'start', model: 'Net', backend: 'cpu', device: 'd', precision: 'fp16', parameters: 1, run: 'r' };
const step = (number: number, scale: number, skipped = false, loss: number | null = 1) => {
  return { event: 'step', step: number, epoch: 1, loss, lr: 0.1, loss_scale: scale, skipped };
};
const epoch = (number: number, loss: number, skips = 0) => {
  return {
    event: 'epoch',
    epoch: number,
    train_loss: loss,
    test_loss: loss,
    test_accuracy: 0.5,
    images_per_second: 1,
    skipped_steps: skips,
    seconds: 1,
  };
};
const text = (...events: readonly object[]) => events.map((event) => `${JSON.stringify(event)}\n`).join('');
const diagnosis = (events: readonly object[], plan = planText()) => diagnoseRun(text(START, ...events), plan);
const messages = (events: readonly object[], plan = planText()) => diagnosis(events, plan).findings.map(({ message }) => message);

describe('diagnosis of a run', () => {
  it('finds nothing wrong with a good one', () => {
    const found = diagnosis([
      step(1, 65536),
      step(50, 65536),
      epoch(1, 2),
      epoch(2, 1),
      epoch(3, 0.5),
      { event: 'done', steps: 150, seconds: 1, test_accuracy: 0.5 },
    ]);
    assert.deepEqual([found.findings, found.skipped, found.finished, found.steps], [[], 0, true, 150]);
  });

  it('follows the loss scale and counts skipped steps, also of an epoch that did not end', () => {
    const found = diagnosis([step(1, 65536, true), step(50, 16384), epoch(1, 2, 3), step(100, 32768, true)]);
    assert.deepEqual(found.scale, { first: 65536, last: 32768, lowest: 16384, highest: 65536 });
    assert.deepEqual(found.scaleChanges, [
      { step: 50, from: 65536, to: 16384 },
      { step: 100, from: 16384, to: 32768 },
    ]);
    assert.deepEqual([found.skipped, found.finished], [4, false]);
  });

  it('advises a first scale when the run only had to find it', () => {
    assert.deepEqual(messages([step(1, 65536, true), step(2, 1024), epoch(1, 2, 6), step(2000, 1024)]), [
      'the first steps only searched for the scale: it came down from 65536 to 1024',
    ]);
  });

  it('names a scale that has fallen too far, and too many skipped steps', () => {
    assert.deepEqual(messages([step(1, 65536), step(100, 8, true), epoch(1, 2, 13)]), [
      'the loss scale has fallen to 8',
      '13.0 % of the steps were skipped',
    ]);
  });

  it('names a loss that is not finite, by what guards the update', () => {
    const events = [step(1, 1), step(50, 1, false, null)];
    const unguarded = diagnosis(events, planText({ compute: 'bf16' })).findings;
    assert.match(unguarded[0].message, /^the loss of step 50 is not finite$/);
    assert.match(unguarded[0].fix, /no loss scaling guards the update/);
    assert.match(diagnosis(events, planText({ lossScaling: { kind: 'static', scale: 64 } })).findings[0].fix, /the forward pass overflows/);
  });

  it('names skipped steps under a static scale, and a loss that does not fall', () => {
    const plan = planText({ lossScaling: { kind: 'static', scale: 64 } });
    assert.deepEqual(messages([step(1, 64), epoch(1, 2.3, 2), epoch(2, 2.3), epoch(3, 2.31)], plan), [
      '2 steps were skipped under a static loss scale of 64',
      'the training loss went from 2.300 to 2.310 in 3 epochs',
    ]);
  });

  it('leaves out a line that a crash cut off', () => {
    assert.equal(diagnoseRun(`${text(START, step(1, 64))}{"event":"st`, planText()).steps, 1);
  });
});
