import assert from 'node:assert/strict';
import { buildTrainStep } from '../../src/autodiff/step.js';
import { numberAttr, stringsAttr } from '../../src/ir/types.js';
import { lowerProgram } from '../../src/lower/lower.js';

/** By parameter: how much of it decays. */
function decays(settings: string): Readonly<Record<string, number>> {
  const text = `
    model Net(image: [32, 32, 3]) -> [10] {
      let positions = param([8, 8, 4], init: normal(0.02)) as positions
      let x = image |> conv2d(4, kernel: 4, stride: 4) as conv |> layer_norm(axes: [0, 1, 2]) as norm
      x + positions |> prelu(per_channel: true) as act |> flatten |> linear(10) as fc
    }
    train { optimizer sgd(lr: 0.1, weight_decay: 0.01${settings}) batch 2 }`;
  const program = lowerProgram({ path: 'net.amp', text }, { images: 0 });
  const { nodes } = buildTrainStep(program.train, program.recipe, { kind: 'none' }, 2);
  const updates = nodes.filter(({ op }) => op === 'sgd');
  return Object.fromEntries(updates.map(({ attrs }) => [stringsAttr(attrs, 'writes')[0], numberAttr(attrs, 'weight_decay')]));
}

describe('weight decay', () => {
  it('is of all parameters', () => {
    assert.deepEqual([...new Set(Object.values(decays('')))], [0.01]);
    assert.equal(Object.keys(decays('')).length, 8);
  });

  it('is of weights alone with decay_norms: false, whatever the shapes of the others are', () => {
    const decaying = Object.entries(decays(', decay_norms: false')).filter(([, decay]) => decay !== 0);
    assert.deepEqual(
      decaying.map(([name]) => name),
      ['conv.weight', 'fc.weight'],
    );
  });
});
