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

  it('says when steps wait for their data, in epochs that are long enough to tell', () => {
    const waits = (share: number, seconds: number) => messages([{ ...epoch(1, 2), data_share: share, seconds }]);
    assert.deepEqual(waits(0.35, 60), ['35 % of the time steps wait for their batches']);
    assert.deepEqual([waits(0.35, 5), waits(0.1, 60)], [[], []]);
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
    assert.match(unguarded[0].message, /^the loss is not finite from step 50 on$/);
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

  describe('with skips that were looked into', () => {
    const overflow = (number: number, scale: number, more: object = {}) => {
      const value = { value: 'gradient of linear of fc1', layer: 'relu_3', phase: 'backward', dtype: 'f16', place: { line: 7, column: 3 } };
      return {
        event: 'overflow',
        step: number,
        epoch: 1,
        loss_scale: scale,
        magnitude: 70_000,
        limit: 65504,
        keep: ['fc1'],
        ...value,
        ...more,
      };
    };
    const forward = { value: 'mul of energy', layer: 'energy', phase: 'forward', magnitude: 4e5, keep: ['energy'] };

    it('knows the scale between the logged steps', () => {
      const found = diagnosis([step(1, 65536), overflow(1, 65536), overflow(2, 32768), step(50, 16384), epoch(1, 2, 2)]);
      assert.deepEqual(found.scaleChanges, [
        { step: 2, from: 65536, to: 32768 },
        { step: 3, from: 32768, to: 16384 },
      ]);
      assert.deepEqual([found.traced, found.skipped, found.keep], [2, 2, []]);
    });

    it('advises a pin for a gradient that overflows again and again, not for one that overflows once', () => {
      const again = diagnosis([1, 400, 800].map((at) => overflow(at, 8192)));
      assert.deepEqual(again.keep, ['keep fc1 in fp32']);
      assert.match(again.findings[0].message, /^gradient of linear of fc1 was the first to overflow in 3 skipped steps, with up to 70,000/);
      assert.equal(again.findings[0].severity, 'advice');
      assert.deepEqual(diagnosis([overflow(1, 65536), step(50, 32768)]).keep, []);
    });

    it('calls an overflow of the forward pass a problem, until it is pinned', () => {
      const found = diagnosis([step(1, 65536, true, null), overflow(1, 65536, forward)]);
      assert.deepEqual(
        found.findings.map(({ severity, fix }) => [severity, fix]),
        [['problem', 'no loss scale helps: keep energy in fp32']],
      );
      const replan = { event: 'replan', step: 1, epoch: 1, replan: 1, value: 'mul of energy', pins: [] };
      const pinned = diagnosis([step(1, 65536, true, null), overflow(1, 65536, forward), replan, step(100, 32768)]);
      assert.deepEqual([pinned.findings, pinned.keep, pinned.overflows[0].pinned], [[], [], true]);
      // It came back.
      assert.deepEqual(diagnosis([replan, overflow(5, 32768, forward)]).keep, ['keep energy in fp32']);
    });

    it('counts the skips of a run that was ended for them', () => {
      const warning = {
        event: 'warning',
        step: 20,
        code: 'AMP7301',
        message: '20 steps',
        why: '',
        fix: '',
        skipped_steps: 20,
        loss_scale: 1,
      };
      const found = diagnosis([overflow(1, 65536, forward), warning]);
      assert.deepEqual([found.skipped, found.steps, found.scale.last], [20, 20, 1]);
    });
  });

  it('calls a loss that grew a problem, however finite it is, and one that fluctuates none', () => {
    const grown = diagnosis([step(1, 64, false, 2.3), step(50, 64, false, 4e18), epoch(1, 4e18)]).findings;
    assert.deepEqual(grown[0], {
      severity: 'problem',
      message: 'the loss has grown from 2.300 (step 1) to 4.000e+18 (epoch 1)',
      fix: 'lower the learning rate, or clip the gradients',
    });
    assert.deepEqual(messages([step(1, 64, false, 2.3), step(50, 64, false, 5)]), []);
  });

  it('calls a test loss a problem that is none, or far from the loss of training', () => {
    assert.deepEqual(messages([step(1, 64), { ...epoch(1, 1), test_loss: null }]), [
      'the last test loss is not finite, so its accuracy means nothing',
    ]);
    assert.deepEqual(messages([step(1, 64), { ...epoch(1, 0.5), test_loss: 400 }]), [
      'the last test loss is 400.0, where training has 0.5000',
    ]);
    assert.deepEqual(messages([step(1, 64, false, 2.3), step(2, 64, false, 5), { ...epoch(1, 0.5), train_loss: null, test_loss: 400 }]), [
      'the last test loss is 400.0, where training has 5.000',
    ]);
    assert.deepEqual(messages([step(1, 64), { ...epoch(1, 0.5), test_loss: null, test_accuracy: null }]), [], 'it was not measured');
  });

  it('compares the training losses of the epochs that have one', () => {
    const none = { ...epoch(1, 0.5), train_loss: null };
    assert.deepEqual(messages([step(1, 64), none, epoch(2, 0.5), epoch(3, 0.5)]), []);
    assert.deepEqual(messages([step(1, 64), none, epoch(2, 0.5), epoch(3, 0.5), epoch(4, 0.5), { ...none, epoch: 5 }]), [
      'the training loss went from 0.5000 to 0.5000 in 3 epochs',
    ]);
  });

  it('calls an accuracy a problem that guessing has, once the model was trained for a while', () => {
    const guess = { ...epoch(1, 0.5), test_accuracy: 0.1001 };
    assert.deepEqual(messages([step(1, 64), step(50, 64), guess]), []);
    assert.deepEqual(messages([step(1, 64), step(150, 64), guess]), [
      'after 150 steps the test accuracy is 10.01 %: no better than guessing one of 10',
    ]);
    assert.deepEqual(messages([step(1, 64), step(150, 64), { ...guess, test_accuracy: 0.12 }]), []);
  });

  it('says why a run was ended, and what its files hold that is not finite', () => {
    const end = { event: 'warning', step: 20, code: 'AMP7301', message: '20 steps in a row', why: 'w', fix: 'f', ends_run: true };
    assert.deepEqual(diagnosis([step(1, 64), end]).findings, [{ severity: 'problem', message: '20 steps in a row', fix: 'f' }]);
    const states = [{ file: 'last.safetensors', state: 'bn.running_mean', nonFinite: 3, elements: 8 }];
    const { findings } = diagnoseRun(text(START, step(1, 1)), planText(), { states });
    assert.equal(findings[0]?.message, 'last.safetensors: 3 of the 8 elements of bn.running_mean are infinite or NaN');
  });

  it('says that fp16 runs without a loss scale', () => {
    const plan = planText({ lossScaling: { kind: 'none' } });
    assert.deepEqual(messages([step(1, 1), epoch(1, 2)], plan), ['no loss scale keeps small gradients from vanishing in fp16']);
  });

  it('takes the step from the warning, which names the first of all, and its pins', () => {
    const cause = { step: 7, keep: ['hot'], value: 'scale of hot' };
    const warning = { event: 'warning', step: 8, code: 'AMP7302', message: 'the loss of step 8 is NaN', why: 'w', fix: 'f', cause };
    const found = diagnosis([step(1, 1), warning, step(50, 1, false, null)], planText({ compute: 'bf16' }));
    assert.deepEqual(found.findings, [{ severity: 'problem', message: 'the loss is not finite from step 8 on', fix: 'f' }]);
    assert.deepEqual([found.lossLostAt, found.keep], [8, ['keep hot in fp32']]);
    assert.deepEqual(found.warnings, [{ step: 8, message: 'the loss of step 8 is NaN', why: 'w', fix: 'f' }]);
  });

  it('finds nothing wrong with a run that wrote nothing yet, and knows what it was', () => {
    const found = diagnoseRun('', planText());
    assert.deepEqual([found.model, found.precision, found.steps, found.findings], ['Net', 'fp16', 0, []]);
    assert.deepEqual(found.scale, { first: 65536, last: 65536, lowest: 65536, highest: 65536 });
  });

  it('passes over lines that are no events', () => {
    assert.equal(diagnoseRun(`${text(START, step(1, 64))}null\n[1]\n"step"\n{"event":"step"}\n`, planText()).steps, 1);
  });

  it('says in which file a plan is broken', () => {
    assert.throws(() => diagnoseRun('', planText().slice(0, 300), { planPath: 'run/plan.txt' }), /AMP5001.*run\/plan\.txt, line \d+/s);
    assert.throws(() => diagnoseRun('', '', { planPath: 'run/plan.txt' }), /run\/plan\.txt is empty/);
  });

  it('leaves out a line that a crash cut off', () => {
    assert.equal(diagnoseRun(`${text(START, step(1, 64))}{"event":"st`, planText()).steps, 1);
  });
});
