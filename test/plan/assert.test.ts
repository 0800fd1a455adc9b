import assert from 'node:assert/strict';
import { planProblem } from '../../src/plan/assert.js';
import type { PlanProperty } from '../../src/plan/property.js';
import { simpleCnn } from '../support/models.js';
import { planOf } from '../support/network.js';

const options = { image: [16, 16, 3], batch: 4 } as const;
const plan = planOf(simpleCnn, {
  ...options,
  precision: { pins: [{ pattern: 'conv2', dtype: 'f32', origin: { kind: 'file', line: 9 } }] },
});
const fp32 = () => planOf(simpleCnn, { ...options, precision: { compute: 'f32' } });
const problem = (property: PlanProperty) => planProblem(property, { plan, fp32 });

describe('plan properties', () => {
  it('format: every selected op must be as said, and there must be one', () => {
    assert.equal(problem({ format: { layer: 'conv1', phase: 'forward', is: 'f16', rule: 'low' } }), undefined);
    assert.equal(problem({ format: { op: 'conv2d_weight_grad', layer: 'conv2', reads: 'f32' } }), undefined);
    assert.match(
      problem({ format: { op: 'conv2d', is: 'f16' } })!,
      /^conv2d of conv2 at .* is f32, not f16 \(pin: keep conv2 in fp32 \(line 9\)\)$/,
    );
    assert.match(problem({ format: { op: 'linear', reads: ['f16', 'f16', 'f16'] } })!, /reads f16, f16, f32, not f16, f16, f16/);
    assert.match(problem({ format: { op: 'linear', rule: 'pin' } })!, /is decided by low, not pin/);
    assert.match(problem({ format: { layer: 'conv9', is: 'f32' } })!, /^the plan has no layer `conv9`: it has conv1, conv2, /);
    assert.equal(problem({ format: { layer: 'conv1', op: 'adam', is: 'f32' } }), undefined);
    assert.equal(problem({ format: { layer: 'conv1', op: 'linear', is: 'f32' } }), 'it matches no op of the plan');
    assert.equal(problem({ format: { function: 'accumulate_step', op: 'conv2d', is: 'f32' } }), 'the plan has no accumulate_step');
  });

  it('casts: counted by value, target, layer and pass, and listed when there are too many', () => {
    assert.equal(problem({ casts: { of: '*.weight', exactly: 3 } }), undefined);
    assert.equal(problem({ casts: { of: 'conv2.weight', exactly: 0 } }), undefined);
    assert.match(
      problem({ casts: { at_most: 1, of: 'fc*.weight' } })!,
      /^there are 2, more than 1: fc1.weight to f16 \(low: linear, cast once per step\); fc2/,
    );
    assert.match(problem({ casts: { at_least: 1, to: 'bf16' } })!, /^there are 0, fewer than 1$/);
  });

  it('no_cast: follows values, not names, in either direction', () => {
    assert.equal(problem({ no_cast: { from: 'conv1', to: 'relu_1' } }), undefined);
    assert.equal(problem({ no_cast: { from: 'fc1', to: 'fc2' } }), undefined);
    assert.match(problem({ no_cast: { from: 'conv1', to: 'fc1' } })!, /^relu of relu_1 is cast to f32 on the way \(pin: keep conv2/);
    assert.match(problem({ no_cast: { from: 'relu_2', to: 'conv1', phase: 'backward' } })!, /^gradient of .* is cast/);
    assert.equal(problem({ no_cast: { from: 'fc1', to: 'conv1' } }), 'no forward path leads from fc1 to conv1');
    assert.equal(problem({ no_cast: { from: 'fc1', to: 'fcc2' } }), 'the plan has no layer `fcc2`: did you mean `fc2`?');
  });

  it('casts and count: a bound on what the file does not have is no fact', () => {
    assert.match(problem({ casts: { layer: 'head', at_most: 3 } })!, /^the plan has no layer `head`: it has conv1, conv2, /);
    assert.equal(problem({ casts: { layer: 'conv*', at_most: 9 } }), undefined);
    assert.equal(problem({ casts: { of: 'fc1.weigth', at_most: 3 } }), 'the plan has no value `fc1.weigth`: did you mean `fc1.weight`?');
    assert.equal(problem({ count: { op: 'conf2d', at_most: 3 } }), 'there is no op `conf2d`: did you mean `conv2d`?');
    assert.match(problem({ count: { layer: ['fc1', 'fc9'], at_least: 0 } })!, /^the plan has no layer `fc9`: it has conv1, /);
    assert.equal(problem({ count: { op: 'dropout', exactly: 0 } }), undefined);
  });

  it('memory: in bytes, with units, and against fp32', () => {
    assert.equal(problem({ memory: { of: 'activations', at_most: '1 MB' } }), undefined);
    assert.match(problem({ memory: { of: 'activations', at_most: 1000 } })!, /^activations take .* KiB, more than 1000 B$/);
    assert.equal(problem({ memory: { at_most: '100 % of fp32' } }), undefined);
    assert.match(problem({ memory: { at_most: '10% of fp32' } })!, /^training holds .*, more than/);
    assert.match(problem({ memory: { at_most: 'little' } })!, /is no amount of memory/);
  });

  it('scaling and count', () => {
    assert.equal(problem({ scaling: { kind: 'dynamic', init: 65536, interval: 2000 } }), undefined);
    assert.equal(problem({ scaling: { kind: 'static' } }), 'kind is dynamic, not static');
    assert.equal(problem({ count: { op: 'adam', exactly: 8 } }), undefined);
    assert.equal(problem({ parameters: { exactly: 151882 } }), undefined);
    assert.equal(problem({ parameters: { layer: 'conv1', exactly: 895 } }), 'there are 896, not 895');
    assert.match(problem({ parameters: { layer: 'fc3', at_most: 1 } })!, /^the plan has no layer `fc3`/);
    assert.equal(problem({ count: { op: ['conv2d', 'linear'], at_most: 3 } }), 'there are 4, more than 3');
  });
});
