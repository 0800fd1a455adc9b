import assert from 'node:assert/strict';
import { timeFigure } from '../../src/api/run-report/bar-figures.js';
import { compileProgram } from '../../src/compile.js';
import { lowerProgram } from '../../src/lower/lower.js';
import { layerTimes } from '../../src/plan/layer-times.js';
import { NOMINAL_COSTS } from '../../src/plan/nominal-costs.js';
import { defaultTarget } from '../../src/plan/target.js';

const TEXT = `dataset shapes(images: 80, size: 16)
model Net(image: [16, 16, 3]) -> [10] {
  image |> conv2d(64, kernel: 3) as small |> conv2d(128, kernel: 3) as large |> global_avg_pool |> linear(10) as head
}
precision { compute fp16 }
train { optimizer adam(lr: 1e-3)  batch 64  epochs 1 }
`;

const plan = compileProgram(lowerProgram({ path: 'net.amp', text: TEXT }), defaultTarget('webgpu'));

describe('the time of a step by layer', () => {
  it('without times of kernels is told in shares, all of which are the whole step', () => {
    const times = layerTimes(plan, undefined);
    const { markup } = timeFigure(times)!.content;
    const shares = [...markup.matchAll(/>([\d.]+) %</g)].map(([, share]) => Number(share));
    assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 100) < 0.1, shares.join(' '));
    assert.ok(shares[0]! > 30);
    assert.match(markup, /<title>large: [\d.]+ %<\/title>/);
    assert.doesNotMatch(markup, / ms</);
  });

  it('with times of kernels is told in milliseconds', () => {
    const twice = { ...NOMINAL_COSTS, rates: { ...NOMINAL_COSTS.rates, launch: 1 } };
    const times = layerTimes(plan, twice);
    assert.match(timeFigure(times)!.title, /^Predicted time/);
    const small = times.layers.find(({ layer }) => layer === 'small')!;
    // Each kernel takes a second, whatever it does.
    assert.ok(small.ms >= 2000 && Math.abs(small.ms / 1000 - Math.round(small.ms / 1000)) < 0.01, String(small.ms));
    assert.match(timeFigure(times)!.content.markup, /\d ms</);
  });
});
