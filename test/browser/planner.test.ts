import assert from 'node:assert/strict';
import { Planner } from '../../web/planner.js';

const NET = `dataset shapes(images: 80, size: 16)
model Net(image: [16, 16, 3]) -> [10] {
  image |> conv2d(8, kernel: 3, stride: 2) as conv1 |> relu |> flatten |> linear(10) as head
}
precision { compute fp16 }
train { loss cross_entropy  optimizer adam(lr: 1e-3)  batch 8  epochs 1  seed 7 }
`;

describe("the playground's plans", () => {
  it('are made once for a text and its switches, whatever is shown of them, and hints follow the switches', async () => {
    const planner = new Planner();
    const { shown } = await planner.plan(NET, {});
    assert.equal(shown?.model, 'Net');
    for (const layer of ['conv1', 'head', 'conv1'])
      assert.ok((await planner.story(layer))!.kernels.every(({ code }) => code.includes('@compute')));
    assert.equal(planner.latest?.at('conv1')?.result.dtype, 'f16');
    assert.deepEqual(planner.work, { plans: 1, programs: 1 });

    const compared = await planner.compare({ precision: 'fp32' });
    assert.ok(compared?.diff !== undefined && compared.diff.formats.length > 0);
    assert.equal(planner.latest?.at('conv1')?.result.dtype, 'f16');
    await planner.plan(NET, { precision: 'fp32' });
    assert.equal(planner.latest?.at('conv1')?.result.dtype, 'f32');
    await planner.plan(NET, {});
    assert.deepEqual(planner.work, { plans: 2, programs: 1 });

    await planner.plan(NET.replace('kernel: 3', 'kernel: 5'), {});
    assert.equal(planner.work.plans, 3);
  });

  it('of a text without one are its mistakes, and what was shown last stays', async () => {
    const planner = new Planner();
    await planner.plan(NET, {});
    const wrong = await planner.plan(NET.replace('relu', 'rel'), {});
    assert.match(wrong.diagnostics[0]!.message, /rel/);
    assert.equal(planner.latest?.program.recipe.model, 'Net');
    assert.match((await planner.compare({ batch: 100_000 }))?.why ?? '', /./);
  });
});
