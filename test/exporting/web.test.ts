import assert from 'node:assert/strict';
import { runInNewContext } from 'node:vm';
import { exportWeb } from '../../src/exporting/web/export.js';
import type { PrecisionName } from '../../src/ir/types.js';
import { findAdapter } from '../../src/runtime/webgpu/adapter.js';
import { openInstance } from '../../src/runtime/webgpu/dawn.js';
import { skip } from '../support/skip.js';
import { deviation, expectedOf, FACTS, type NetworkName, networkOf } from './networks.js';

type Classify = (pixels: Uint8Array) => Promise<Float32Array>;

interface Page {
  readonly text: string;
  readonly model: { readonly program: object; readonly classes: readonly string[]; readonly probabilities: string };
  readonly weights: Uint8Array;
  /** As the page's script has it. */
  readonly createClassifier: (gpu: unknown, program: object, weights: Uint8Array) => Promise<Classify>;
}

function elementText(text: string, id: string): string {
  return new RegExp(`<script type="[^"]+" id="${id}">([^<]*)</script>`).exec(text)![1]!;
}

/** `names`: what a browser with WebGPU has besides. */
async function pageOf(name: NetworkName | 'small', precision: PrecisionName, names: object = {}): Promise<Page> {
  const net = await networkOf(name, precision);
  const text = exportWeb(net.graph, net.states, FACTS)['index.html']!;
  const script = text.slice(text.lastIndexOf('<script>') + '<script>'.length, text.lastIndexOf('</script>'));
  const runtime = script.slice(0, script.indexOf('const model = '));
  const globals = { ...names, Uint8Array, Float32Array, Promise, Math, Error };
  return {
    text,
    model: JSON.parse(elementText(text, 'model')) as Page['model'],
    weights: new Uint8Array(Buffer.from(elementText(text, 'weights'), 'base64')),
    createClassifier: runInNewContext(`${runtime}; createClassifier`, globals) as Page['createClassifier'],
  };
}

describe('pages for a browser', () => {
  it('ask for nothing, and have all of the model in them', async () => {
    const { text, model, weights } = await pageOf('convolutions', 'fp32');
    assert.match(
      text,
      /Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src blob:"/,
    );
    assert.doesNotMatch(text, /https?:|\b(src|href)=|fetch\(|import\b|XMLHttpRequest/);
    assert.deepEqual(model.classes, FACTS.classes);
    assert.equal(model.probabilities, 'softmax');
    assert.ok(weights.length > 1000);
  });

  it('say why they cannot run', async () => {
    const { createClassifier, model, weights } = await pageOf('convolutions', 'fp16');
    const adapter = { features: new Set() };
    await assert.rejects(createClassifier(undefined, model.program, weights), /this browser has no WebGPU/);
    await assert.rejects(createClassifier({ requestAdapter: async () => null }, model.program, weights), /found no GPU/);
    await assert.rejects(createClassifier({ requestAdapter: async () => adapter }, model.program, weights), /shader-f16.*--precision fp32/);
  });

  it('are refused for formats that WGSL lacks', async () => {
    const net = await networkOf('convolutions', 'bf16');
    assert.throws(() => exportWeb(net.graph, net.states, FACTS), /cannot run in a browser: it has values in bf16/);
  });

  describe('as WebGPU runs them', () => {
    let gpu: GPU;

    before(async function () {
      await findAdapter().catch((error: Error) => skip(this, error.message));
      gpu = await openInstance();
    });

    for (const [precision, allowed] of [
      ['fp32', 4e-6],
      ['fp16', 4e-3],
    ] as const)
      it(`in ${precision} they give the reference's logits`, async () => {
        const { createClassifier, model, weights } = await pageOf('small', precision, { GPUBufferUsage, GPUShaderStage, GPUMapMode });
        const { images, logits } = expectedOf(await networkOf('small', precision));
        const classify = await createClassifier(gpu, model.program, weights);
        for (const index of [0, 1]) {
          const actual = await classify(images.subarray(3072 * index, 3072 * (index + 1)));
          const expected = logits.subarray(10 * index, 10 * (index + 1));
          assert.ok(deviation(actual, expected) <= allowed, String(deviation(actual, expected)));
        }
      });
  });
});
