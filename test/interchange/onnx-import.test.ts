import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { exportModel } from '../../src/api/export.js';
import { importModel } from '../../src/api/import-model.js';
import { compileToRun } from '../../src/choose/plan-file.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { decodeModel, encodeModel } from '../../src/interchange/onnx/schema.js';
import { formatAmp } from '../../src/parser/format.js';
import { loadInitial } from '../../src/training/init/load.js';
import { initialStates } from '../../src/training/states.js';
import { saveWeights } from '../../src/training/weights.js';
import { NETWORKS, type NetworkName, sourceOf } from '../exporting/networks.js';
import { ampc } from '../support/cli.js';
import { makeWorkspace } from '../support/tiny.js';
import { deterministicBatch } from '../training/support/deterministic.js';
import { npy, npyIntegers, npyReals, zip } from '../training/support/npy.js';

const FOLDER = 'test/fixtures/onnx';
const expected = JSON.parse(readFileSync(`${FOLDER}/logits.json`, 'utf8')) as {
  readonly side: number;
  readonly size: number;
  readonly share: number;
  readonly logits: Readonly<Record<string, readonly number[]>>;
};

/** `single`: by the older exporter, for a batch of one image. */
const EXPORTERS: Readonly<Record<string, readonly string[]>> = {
  groups: ['script'],
  norms: ['script'],
  padded: ['script'],
  attention: ['script', 'dynamo', 'single'],
};

/** What the imported model gives for the images of the script. */
async function logitsOf(file: string, weights: string, side = expected.side): Promise<readonly number[]> {
  const { plan, backend } = await compileToRun(file, { backend: 'reference', precision: 'fp32', batch: expected.size }, 'evaluation');
  const executable = await backend.load(plan);
  await executable.writeStates(initialStates(plan, 0));
  await executable.writeStates((await loadInitial(weights, plan)).values);
  const { batch } = plan.functions.find(({ name }) => name === 'eval_step')!;
  const { image } = deterministicBatch(0, expected.size, side, expected.share);
  const images = new Uint8Array((batch * image.length) / expected.size);
  images.set(image);
  await executable.call('eval_step', { image: images, label: new Int32Array(batch) });
  const logits = await executable.readOutput('logits');
  return [...logits.slice(0, (expected.size * logits.length) / batch)];
}

function assertNear(actual: readonly number[], wanted: readonly number[], tolerance = 1e-4): void {
  const most = Math.max(...wanted.map(Math.abs));
  assert.equal(actual.length, wanted.length);
  for (const [i, value] of actual.entries()) assert.ok(Math.abs(value - wanted[i]!) <= tolerance * most, `${i}: ${value}, ${wanted[i]}`);
}

async function refusal(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => assert.fail('it was taken'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof UserError, String(error));
  return error;
}

describe('ampc import', () => {
  const workspace = makeWorkspace();
  after(() => workspace.remove());

  for (const name of Object.keys(expected.logits))
    for (const exporter of EXPORTERS[name] ?? ['script', 'dynamo'])
      it(`${name}, exported by torch.onnx (${exporter}): the same logits`, async () => {
        const out = workspace.path(`${name}-${exporter}`);
        const options = name === 'channels' ? {} : { normalize: '0.5, 0.5' };
        const result = await importModel(`${FOLDER}/${name}-${exporter}.onnx`, { out, ...options });
        const text = readFileSync(result.file, 'utf8');
        assert.equal(formatAmp(text), text);
        assert.deepEqual(result.notices, []);
        assertNear(await logitsOf(result.file, result.weights), expected.logits[name]!);
      });

  for (const name of Object.keys(NETWORKS) as NetworkName[])
    it(`${name}: a network of ampc comes back from ONNX with the same logits`, async () => {
      const file = workspace.file(`${name}.amp`, sourceOf(name));
      const options = { backend: 'reference', precision: 'fp32', batch: expected.size } as const;
      const { plan } = await compileToRun(file, options, 'evaluation');
      const states = initialStates(plan, 1);
      const weights = workspace.path(`${name}.safetensors`);
      await saveWeights(weights, plan, states);
      const onnx = workspace.path(`${name}.onnx`);
      for (const imageLayout of ['nhwc', 'nchw'] as const) {
        await exportModel(file, { to: 'onnx', weights, out: onnx, force: true, backend: 'reference', precision: 'fp32', imageLayout });
        const result = await importModel(onnx, { out: workspace.path(`${name}-${imageLayout}`) });
        assertNear(await logitsOf(result.file, result.weights, 32), await logitsOf(file, weights, 32), 1e-5);
      }
    });

  // Means of windows of unlike sizes are products with matrices in ONNX.
  for (const pool of [
    'adaptive_avg_pool2d([3, 5])',
    'avg_pool2d(3, stride: 2, padding: 1, count_include_pad: false)',
    'avg_pool2d([3, 4], stride: [2, 3], padding: [1, 2], ceil_mode: true)',
    'avg_pool2d([3, 2], stride: 2, padding: [1, 0], ceil_mode: true, count_include_pad: false)',
    'avg_pool2d(2, stride: 1, padding: same, count_include_pad: false)',
  ])
    it(`${pool} comes back from ONNX as it was`, async () => {
      const file = workspace.file(
        'pool.amp',
        `dataset cifar10 { normalize(mean: 0.4, std: 0.25) }
        model Net(image: [32, 32, 3]) -> [10] {
          image |> conv2d(4, kernel: [5, 4], stride: 3) as conv |> ${pool} |> flatten |> linear(10) as fc
        }
        precision { compute fp32 }
        train { optimizer sgd(lr: 0.1) batch 4 epochs 1 }`,
      );
      const { plan } = await compileToRun(file, { backend: 'reference', precision: 'fp32', batch: expected.size }, 'evaluation');
      const [weights, onnx] = [workspace.path('pool.safetensors'), workspace.path('pool.onnx')];
      await saveWeights(weights, plan, initialStates(plan, 1));
      await exportModel(file, { to: 'onnx', weights, out: onnx, force: true, backend: 'reference', precision: 'fp32' });
      const result = await importModel(onnx, { out: workspace.path(pool.replace(/\W/g, '')) });
      const text = readFileSync(result.file, 'utf8').replace(/\s+/g, ' ');
      assert.ok(text.includes(` ${pool} `), text);
      assertNear(await logitsOf(result.file, result.weights, 32), await logitsOf(file, weights, 32), 1e-5);
    });

  it('a product of rows with a matrix that is no pool is a linear layer along them', async () => {
    const model = decodeModel(readFileSync(`${FOLDER}/plain-script.onnx`));
    const first = model.graph!.node!.find(({ opType }) => opType === 'Relu')!;
    const scaled = (name: string, factor: number) => ({
      name,
      dims: [16, 16],
      dataType: 1,
      floatData: Array.from({ length: 256 }, (_, i) => (i % 17 === 0 ? factor : 0)),
    });
    const [rows, columns] = [scaled('mix', 2), scaled('turn', 0.5)];
    const [after] = first.output!;
    const nodes = model.graph!.node!.flatMap((node) =>
      node === first
        ? [
            { ...node, output: ['kept'] },
            { opType: 'MatMul', name: 'down', input: ['mix', 'kept'], output: ['mixed'] },
            { opType: 'MatMul', name: 'across', input: ['mixed', 'turn'], output: [after!] },
          ]
        : [node],
    );
    const path = workspace.path('rows.onnx');
    const initializer = [...model.graph!.initializer!, rows, columns];
    writeFileSync(path, encodeModel({ ...model, graph: { ...model.graph, node: nodes, initializer } }));
    const { file, weights } = await importModel(path, { out: workspace.path('rows'), normalize: '0.5, 0.5' });
    assert.match(readFileSync(file, 'utf8'), /linear\(16, bias: false\) as mix\b[\s\S]*linear\(16, bias: false\) as turn\b/);
    assertNear(await logitsOf(file, weights), expected.logits.plain!);
  });

  it('a Concat of one value is that value', async () => {
    const model = decodeModel(readFileSync(`${FOLDER}/plain-script.onnx`));
    const first = model.graph!.node!.find(({ opType }) => opType === 'Relu')!;
    const [after] = first.output!;
    const alone = { opType: 'Concat', name: 'alone', input: ['kept'], output: [after!], attribute: [{ name: 'axis', type: 2, i: 1 }] };
    const node = model.graph!.node!.flatMap((one) => (one === first ? [{ ...one, output: ['kept'] }, alone] : [one]));
    const path = workspace.path('alone.onnx');
    writeFileSync(path, encodeModel({ ...model, graph: { ...model.graph, node } }));
    const { file, weights } = await importModel(path, { out: workspace.path('alone'), normalize: '0.5, 0.5' });
    assert.doesNotMatch(readFileSync(file, 'utf8'), /concat/);
    assertNear(await logitsOf(file, weights), expected.logits.plain!);
  });

  it('names a pool whose window the language has not, and why', async () => {
    const model = decodeModel(readFileSync(`${FOLDER}/plain-script.onnx`));
    const changed = (attributes: Readonly<Record<string, readonly number[]>>) => {
      const node = model.graph!.node!.map((one) =>
        one.opType === 'MaxPool'
          ? {
              ...one,
              attribute: [
                ...one.attribute!.filter(({ name }) => !(name! in attributes)),
                ...Object.entries(attributes).map(([name, ints]) => ({ name, type: 7, ints: [...ints] })),
              ],
            }
          : one,
      );
      const path = workspace.path('pool-window.onnx');
      writeFileSync(path, encodeModel({ ...model, graph: { ...model.graph, node } }));
      return refusal(importModel(path, { out: workspace.path('pool-window') }));
    };
    const [dilated] = (await changed({ dilations: [2, 2] })).diagnostics;
    assert.match(dilated!.message, /the node \S*MaxPool\S* \(MaxPool\) has no layer in ampc/);
    assert.match(dilated!.why!, /its window has a dilation of 2, and those of max_pool2d have none/);
    const [uneven] = (await changed({ pads: [0, 2, 1, 0] })).diagnostics;
    assert.match(uneven!.why!, /opposite sides have other padding, and those of max_pool2d are alike/);
  });

  it('what a model takes besides its image comes back from ONNX, with the same losses on its arrays', async () => {
    const side = (name: string, count: number) => ({
      [`x_${name}.npy`]: npy(
        [count, 6, 6, 3],
        new Uint8Array(108 * count).map((_, i) => (i * 37) % 256),
      ),
      [`y_${name}.npy`]: npyIntegers(Array.from({ length: count }, (_, i) => i % 3)),
      [`x1_${name}.npy`]: npyReals(
        Array.from({ length: 2 * count }, (_, i) => Math.sin(i)),
        [count, 2],
      ),
      [`mask_${name}.npy`]: npyReals(
        Array.from({ length: 36 * count }, (_, i) => Math.cos(i)),
        [count, 6, 6, 1],
      ),
    });
    writeFileSync(workspace.path('images.npz'), zip({ ...side('train', 8), ...side('test', 7) }));
    const file = workspace.file(
      'further.amp',
      `dataset npz("images.npz") {}
      model Net(image: [6, 6, 3], x1: [2], mask: [6, 6, 1]) -> [3] {
        let a = x1 |> linear(4) as age |> relu
        let b = x1 |> linear(4) as other |> mul(a)
        image |> concat(mask) |> conv2d(5, kernel: 3) as conv |> relu |> global_avg_pool |> concat(a, b) |> linear(3) as fc
      }
      precision { compute fp32 }
      train { optimizer sgd(lr: 0.1)  batch 4  epochs 1 }`,
    );
    const run = workspace.path('further');
    const json = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await ampc(...args, '--backend', 'reference', '--json');
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout.trim().split('\n').at(-1)!);
    };
    await json('train', file, '--out', run);
    const onnx = workspace.path('further.onnx');
    await exportModel(run, { to: 'onnx', out: onnx, precision: 'fp32', backend: 'reference' });
    const imported = await importModel(onnx, { out: workspace.path('imported.amp') });
    assert.match(readFileSync(imported.file, 'utf8'), /model \w+\(image: \[6, 6, 3\], x1: \[2\], mask: \[6, 6, 1\]\) -> \[3\]/);
    const wanted = await json('eval', file, '--weights', join(run, 'last.safetensors'));
    const got = await json('eval', imported.file, '--weights', imported.weights);
    assert.ok(Math.abs(got.test_loss / wanted.test_loss - 1) < 1e-5, `${got.test_loss}, not ${wanted.test_loss}`);
  });

  it('the names of the classes come along, and predict and another export have them', async () => {
    const onnx = workspace.path('named.onnx');
    const model = decodeModel(readFileSync(`${FOLDER}/plain-script.onnx`));
    const names = ['ant', 'bee', 'cat', 'dog', 'elk'];
    const picture = workspace.path('named.png');
    await sharp({ create: { width: 20, height: 20, channels: 3, background: '#357' } })
      .png()
      .toFile(picture);
    for (const [place, classes, title] of [
      ['named', names, /\b(ant|bee|cat|dog|elk)\b/],
      ['too-few', names.slice(1), /\s[0-4]\b/],
    ] as const) {
      writeFileSync(onnx, encodeModel({ ...model, metadataProps: [{ key: 'classes', value: JSON.stringify(classes) }] }));
      const { file, weights } = await importModel(onnx, { out: workspace.path(place) });
      const predicted = await ampc('predict', file, picture, '--weights', weights, '--backend', 'reference');
      assert.equal(predicted.code, 0, predicted.stderr);
      assert.match(predicted.stdout, title);
      assert.equal(/numbers as names/.test(predicted.stderr), place !== 'named');
      if (place !== 'named') continue;
      const again = workspace.path('again.onnx');
      await exportModel(file, { to: 'onnx', weights, out: again, backend: 'reference' });
      const { metadataProps } = decodeModel(readFileSync(again));
      assert.equal(metadataProps!.find(({ key }) => key === 'classes')!.value, JSON.stringify(names));
    }
  });

  it('writes the layers of the language, with the names that the model has', async () => {
    const { file } = await importModel(`${FOLDER}/residual-script.onnx`, { out: workspace.path('residual.amp'), normalize: '0.5, 0.5' });
    const text = readFileSync(file, 'utf8');
    for (const line of [
      /conv2d\(16, kernel: 1\) as b\b/,
      /\|> relu6\b/,
      /\|> hardswish\b/,
      /\|> silu\b/,
      /conv2d\(16, kernel: 3, padding: 1, groups: 16\) as mix/,
      /linear\(5\) as head/,
    ])
      assert.match(text, line);
    assert.ok(!/param\(|transpose|reshape/.test(text.replace(/reshape\(\[1, 1, (16|4)\]\)/g, '')), text);
    const patches = readFileSync((await importModel(`${FOLDER}/patches-script.onnx`, { out: workspace.path('patches.amp') })).file, 'utf8');
    assert.match(patches, /\|> gelu\b/);
    assert.match(patches, /layer_norm as norm1/);
  });

  it('attention is its layer, whichever way PyTorch writes it and wherever the batch is meanwhile', async () => {
    for (const exporter of EXPORTERS.attention!) {
      const out = workspace.path(`attention-${exporter}.amp`);
      const { file } = await importModel(`${FOLDER}/attention-${exporter}.onnx`, { out, normalize: '0.5, 0.5' });
      const text = readFileSync(file, 'utf8');
      assert.equal(text.match(/attention\(heads: 2\)/g)?.length, 3, text);
      assert.ok(!/matmul|softmax|transpose/.test(text), text);
      assert.match(text, /attention\(heads: 2\) as layer_self_attn/);
    }
  });

  it('attention with another scale stays its products', async () => {
    const model = decodeModel(readFileSync(`${FOLDER}/attention-single.onnx`));
    const softmaxes = model.graph!.node!.filter(({ opType }) => opType === 'Softmax');
    const last = softmaxes.at(-1)!;
    const path = workspace.path('scaled.onnx');
    const two = { name: 'two', dims: [], dataType: 1, floatData: [2] };
    const node = model.graph!.node!.flatMap((one) =>
      one === last
        ? [
            { opType: 'Mul', name: 'twice', input: [one.input![0]!, 'two'], output: ['doubled'] },
            { ...one, input: ['doubled'] },
          ]
        : [one],
    );
    writeFileSync(path, encodeModel({ ...model, graph: { ...model.graph, node, initializer: [...model.graph!.initializer!, two] } }));
    const { file } = await importModel(path, { out: workspace.path('scaled'), normalize: '0.5, 0.5' });
    assert.match(readFileSync(file, 'utf8'), /scale\(2\)[\s|>]*softmax/);
    assert.equal(readFileSync(file, 'utf8').match(/attention\(heads: 2\)/g)?.length, 2);
  });

  it('what computes along the batch is named', async () => {
    const model = decodeModel(readFileSync(`${FOLDER}/attention-script.onnx`));
    const norm = model.graph!.node!.find(({ name, opType }) => opType === 'LayerNormalization' && name!.startsWith('/norm/'))!;
    const mean = { name: 'over', dims: [1], dataType: 7, int64Data: [1] };
    const kept = { opType: 'ReduceMean', name: 'images', input: [norm.output![0]!, 'over'], output: ['one'] };
    const node = model.graph!.node!.flatMap((one) =>
      one === norm ? [one, kept] : [{ ...one, input: (one.input ?? []).map((name) => (name === norm.output![0] ? 'one' : name)) }],
    );
    const path = workspace.path('along.onnx');
    writeFileSync(path, encodeModel({ ...model, graph: { ...model.graph, node, initializer: [...model.graph!.initializer!, mean] } }));
    const { diagnostics } = await refusal(importModel(path, { out: workspace.path('along') }));
    assert.deepEqual(
      diagnostics.map(({ message, why }) => `${/node (\w+) /.exec(message)?.[1]}: ${why}`),
      ['images: it works along the batch'],
    );
  });

  it('pixels that a model shifts and scales are what its data set does', async () => {
    const { file } = await importModel(`${FOLDER}/channels-script.onnx`, { out: workspace.path('pixels.amp') });
    const twice = importModel(`${FOLDER}/channels-script.onnx`, { out: workspace.path('twice.amp'), normalize: 'imagenet' });
    assert.equal((await refusal(twice)).diagnostics[0]!.code, 'AMP6424');
    assert.match(readFileSync(file, 'utf8'), /normalize\(mean: \[0\.485, 0\.456, 0\.406\], std: \[0\.229, 0\.224, 0\.225\]\)/);
  });

  it('names every node that has no layer', async () => {
    const { diagnostics } = await refusal(importModel(`${FOLDER}/unknown-script.onnx`, { out: workspace.path('unknown') }));
    // What depends on the first is not blamed as well.
    assert.deepEqual(
      diagnostics.map(({ code, message }) => `${code} ${/\((\w+)\)/.exec(message)?.[1]}`),
      ['AMP6420 Sin'],
    );
    assert.ok(!existsSync(workspace.path('unknown')));
  });

  it('replaces nothing, and refuses what is no model', async () => {
    const options = { out: workspace.path('twice'), normalize: '0.5, 0.5' };
    await importModel(`${FOLDER}/plain-script.onnx`, options);
    assert.equal((await refusal(importModel(`${FOLDER}/plain-script.onnx`, options))).diagnostics[0]!.code, 'AMP6423');
    const path = workspace.path('none.onnx');
    writeFileSync(path, 'no model at all');
    assert.equal((await refusal(importModel(path))).diagnostics[0]!.code, 'AMP6422');
    const model = decodeModel(readFileSync(`${FOLDER}/plain-script.onnx`));
    const [weight, ...others] = model.graph!.initializer!;
    const beside = (location: string) =>
      encodeModel({
        ...model,
        graph: {
          ...model.graph,
          initializer: [
            { ...weight, rawData: new Uint8Array(0), dataLocation: 1, externalData: [{ key: 'location', value: location }] },
            ...others,
          ],
        },
      });
    writeFileSync(path, beside('../elsewhere'));
    const { diagnostics } = await refusal(importModel(path, { out: workspace.path('elsewhere') }));
    assert.equal(diagnostics[0]!.code, 'AMP6421');
    assert.match(diagnostics[0]!.why ?? '', /outside of its folder/);
    // Beside the model it is read.
    writeFileSync(path, beside('data'));
    writeFileSync(workspace.path('data'), weight!.rawData!);
    const { file, weights } = await importModel(path, { out: workspace.path('beside'), normalize: '0.5, 0.5' });
    assertNear(await logitsOf(file, weights), expected.logits.plain!);
  });

  it('says what it wrote and how to go on', async () => {
    copyFileSync(`${FOLDER}/plain-script.onnx`, workspace.path('plain.onnx'));
    const { code, stdout, stderr } = await ampc('import', workspace.path('plain.onnx'), '--out', workspace.path('told'));
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /parameters in \d+ tensors\nwritten to .*plain\.amp and .*plain\.safetensors\ntrain on with: ampc train .*--init /,
    );
    assert.match(stderr, /does not say how its images were normalized/);
    const check = await ampc('check', workspace.path('told/plain.amp'));
    assert.equal(check.code, 0, check.stderr);
    // There are no images of its own yet, so its classes have numbers.
    const picture = workspace.path('picture.png');
    await sharp({ create: { width: 20, height: 20, channels: 3, background: '#357' } })
      .png()
      .toFile(picture);
    const weights = ['--weights', workspace.path('told/plain.safetensors'), '--backend', 'reference'];
    const predicted = await ampc('predict', workspace.path('told/plain.amp'), picture, ...weights);
    assert.equal(predicted.code, 0, predicted.stderr);
    assert.match(predicted.stderr, /classes have their numbers as names: .*images is not there/);
    assert.match(predicted.stdout, /\b[0-4]\b/);
  });
});
