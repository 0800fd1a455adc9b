import assert from 'node:assert/strict';
import { Snapshot } from '../../src/training/snapshot.js';
import { initialStates, modelStates } from '../../src/training/states.js';
import { fakePlan } from './support/fake.js';

/** States that tell which of them were asked for. */
class Watched extends Map<string, Float32Array | Int32Array> {
  readonly asked: string[] = [];

  override get(name: string) {
    this.asked.push(name);
    return super.get(name);
  }
}

describe('a snapshot of states', () => {
  const plan = fakePlan();
  const names = modelStates(plan).map(({ name }) => name);

  it('is looked through once, whoever asks, and not before', () => {
    const states = new Watched(initialStates(plan, 1));
    const present = new Snapshot(plan, states);
    assert.deepEqual(states.asked, []);
    assert.equal(present.broken, undefined);
    assert.equal(present.broken, undefined);
    assert.deepEqual(states.asked, names);
  });

  it('names the first state of the model that is not finite', () => {
    const states = initialStates(plan, 1);
    states.get(names.at(-1)!)![0] = Number.NaN;
    assert.equal(new Snapshot(plan, states).broken, names.at(-1));
  });

  it('takes the word of who looked already', () => {
    const states = new Watched(initialStates(plan, 1));
    assert.equal(new Snapshot(plan, states, { broken: undefined }).broken, undefined);
    assert.equal(new Snapshot(plan, states, { broken: 'fc.weight' }).broken, 'fc.weight');
    assert.deepEqual(states.asked, []);
  });
});
