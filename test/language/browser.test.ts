import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../scripts/bundle.js';
import type { plainService } from '../../src/language/service.js';

describe('the language service in a browser', () => {
  it('is made of nothing that only Node has, and plans', async () => {
    const files = ['service', 'completion', 'hover', 'hints', 'edits', 'rename', 'semantic', 'signature', 'outline', 'plan-picture'];
    const entries = files.map((name) => [name, fileURLToPath(new URL(`../../src/language/${name}.ts`, import.meta.url))] as const);
    // What only Node has makes it fail.
    await bundle(Object.fromEntries(entries));
    const {
      files: [whole],
    } = await bundle(Object.fromEntries(entries.slice(0, 1)), { splitting: false });
    const module = `data:text/javascript;base64,${Buffer.from(whole!.bytes).toString('base64')}`;
    const { plainService: make } = (await import(module)) as { readonly plainService: typeof plainService };
    const service = make();
    const text = `dataset cifar10 { normalize(mean: 0.5, std: 0.5) }
model Net(image: [32, 32, 3]) -> [10] { image |> flatten |> linear(10) as fc }
precision { compute fp16  keep fc in fp32  keep cross_entropy in fp32 }
train { batch 8 }`;
    assert.deepEqual(service.update('net.amp', { path: 'net.amp', text }).diagnostics, []);
    const { plan, diagnostics } = await service.plan('net.amp');
    assert.equal(plan!.at('fc')!.result.dtype, 'f32');
    assert.deepEqual(
      diagnostics.map(({ message }) => message),
      ['keeping `cross_entropy` changes nothing'],
    );
  });
});
