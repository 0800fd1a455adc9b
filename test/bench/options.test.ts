import assert from 'node:assert/strict';
import { parseOptions, USAGE } from '../../bench/options.js';
import { WORKS } from '../../bench/works.js';

describe('the benchmark options', () => {
  it('default to everything', () => {
    const options = parseOptions([])!;
    assert.deepEqual(options.works, WORKS);
    assert.deepEqual(options.precisions, ['fp32', 'bf16', 'fp16']);
    assert.equal(options.rounds, 5);
    assert.equal(options.steps, undefined);
    assert.equal(options.compile, true);
  });

  it('choose works and precisions in the order of the table', () => {
    const options = parseOptions(['--work', 'epoch,simple-step', '--precision=bf16,fp32', '--steps', '7'])!;
    assert.deepEqual([options.works, options.precisions, options.steps], [['simple-step', 'epoch'], ['fp32', 'bf16'], 7]);
  });

  it('refuse what they do not know', () => {
    assert.throws(() => parseOptions(['--work', 'alexnet']), /alexnet is none of simple-step, resnet-step, eval, epoch/);
    assert.throws(() => parseOptions(['--rounds', '0']), /--rounds: 0/);
    assert.throws(() => parseOptions(['--fast']), /fast/);
  });

  it('are all in the usage', () => {
    assert.equal(parseOptions(['--help']), undefined);
    for (const name of [
      'work',
      'precision',
      'rounds',
      'steps',
      'threads',
      'no-compile',
      'compile-seconds',
      'no-resources',
      'quick',
      'json',
    ]) {
      assert.ok(USAGE.includes(`--${name}`), name);
    }
  });
});
