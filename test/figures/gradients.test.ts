import assert from 'node:assert/strict';
import { gradientsSection } from '../../src/api/run-report/gradients-section.js';
import { sectionMarkup } from '../../src/api/run-report/page.js';
import type { Calibration, ValueCalibration } from '../../src/choose/calibration.js';

function value(layer: string, dtype: 'f16' | 'f32', exponents: readonly (readonly [number, number])[], max: number): ValueCalibration {
  return {
    value: `gradient of ${layer}.weight`,
    layer,
    op: 'conv2d_weight_grad',
    phase: 'backward',
    place: null,
    dtype,
    elements: 4,
    max,
    min_nonzero: null,
    zeros: 0,
    non_finite: 0,
    f16_underflow: 0,
    f16_overflow: false,
    proved: null,
    exponents,
  };
}

const CALIBRATION: Calibration = {
  model: 'Net',
  precision: 'fp16',
  policy: 'mixed',
  backend: 'cpu',
  steps: 1,
  batch: 4,
  file_batch: 4,
  scale: 1,
  lost: 0,
  values: [
    value('second', 'f32', [[0, 4]], 1),
    value(
      'first',
      'f16',
      [
        [-30, 3],
        [-10, 1],
      ],
      2 ** -10,
    ),
  ],
  pins: [],
  scales: [],
  advice: null,
  proved_scale: null,
};

const shown = (scale: number): string => sectionMarkup(gradientsSection(CALIBRATION, scale)).markup;

describe('the gradients of a run, by layer', () => {
  it('says what fp16 loses of them at a loss scale: three of four elements, none, and what overflows', () => {
    assert.match(shown(1), />75\.00 % lost</);
    // 2^-30 becomes 2^-25, which is half of the smallest number: what is larger than that is rounded up.
    assert.match(shown(2 ** 5), />none lost</);
    assert.match(shown(2 ** 4), />75\.00 % lost</);
    assert.match(shown(2 ** 26), /What overflows fp16: gradients of first\.[\s\S]*>overflows</);
  });

  it('draws each exponent where it is with the scale, in the order of the forward pass', () => {
    const markup = shown(2 ** 16);
    assert.match(markup, /first: 3 of 2\^-14 to 2\^-13, normal/);
    assert.match(markup, /first: 1 of 2\^6 to 2\^7, normal/);
    assert.match(shown(1), /first: 3 of 2\^-30 to 2\^-29, becomes 0/);
    assert.ok(markup.indexOf('>first<') < markup.indexOf('>second<'));
    assert.match(markup, />in fp32</);
  });
});
