import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '../../src/choose/plan-file.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { torchLayouts, toTorch } from '../../src/interchange/layouts.js';
import type { Plan } from '../../src/plan/plan.js';
import { selectBackend } from '../../src/runtime/select.js';
import { type InitOptions, loadInitial } from '../../src/training/init/load.js';
import { openWeights } from '../../src/training/init/weight-file.js';
import { type Tensor, writeSafetensors } from '../../src/training/safetensors.js';
import { initialStates, modelStates } from '../../src/training/states.js';
import { makeWorkspace } from '../support/tiny.js';
import { deterministicBatch } from './support/deterministic.js';

const FILES = 'test/fixtures/pytorch/state_dicts';
const expected = JSON.parse(readFileSync(`${FILES}/logits.json`, 'utf8')) as {
  readonly side: number;
  readonly size: number;
  readonly share: number;
  readonly net: number[];
  readonly formats: number[];
  readonly attention: number[];
};

const AROUND = (model: string) => `dataset folder("images") { size(8) normalize(mean: 0.5, std: 0.5) }
${model}
precision { compute fp32 }
train { loss cross_entropy optimizer sgd(lr: 0.1) batch 4 epochs 1 seed 0 }
`;

const body = (names: Readonly<Record<'conv' | 'bn' | 'up' | 'norm' | 'fc' | 'head', string>>, outputs = 3) => `
model Net(image: [8, 8, 3]) -> [${outputs}] {
  image |> conv2d(4, kernel: 3) as ${names.conv} |> batch_norm as ${names.bn} |> relu |> max_pool2d(2)
  |> conv_transpose2d(6, kernel: 2, stride: 2) as ${names.up} |> flatten |> batch_norm as ${names.norm} |> relu
  |> linear(5) as ${names.fc} |> relu |> linear(${outputs}) as ${names.head}
}`;

const NET = AROUND(body({ conv: 'conv1', bn: 'bn1', up: 'up', norm: 'bn2', fc: 'fc1', head: 'fc2' }));
const RENAMED = AROUND(body({ conv: 'stem', bn: 'stem_bn', up: 'wider', norm: 'features', fc: 'hidden', head: 'head' }));
const NEW_HEAD = AROUND(body({ conv: 'conv1', bn: 'bn1', up: 'up', norm: 'bn2', fc: 'fc1', head: 'fc2' }, 7));
const ATTENTION = AROUND(`
model Net(image: [8, 8, 3]) -> [3] {
  let x = image |> conv2d(6, kernel: 2, stride: 2) as patches |> reshape([16, 6])
  let y = x + (param([16, 6], init: zeros) as position)
  y + (y |> layer_norm as norm |> attention(heads: 2) as attn) |> mean(0) |> linear(3) as fc
}`);

async function planOf(text: string): Promise<Plan> {
  return (await compile({ path: 'net.amp', text }, { backend: 'reference' })).plan;
}

/** What the model of `text` gives for the script's images with the weights of `path`. */
async function logitsOf(text: string, path: string, options?: InitOptions): Promise<readonly number[]> {
  const plan = await planOf(text);
  const { backend } = await selectBackend('reference');
  const executable = await backend.load(plan);
  const { values } = await loadInitial(path, plan, options);
  await executable.writeStates(initialStates(plan, 0));
  await executable.writeStates(values);
  const { batch } = plan.functions.find(({ name }) => name === 'eval_step')!;
  const { image } = deterministicBatch(0, expected.size, expected.side, expected.share);
  const images = new Uint8Array(batch * 8 * 8 * 3);
  images.set(image);
  await executable.call('eval_step', { image: images, label: new Int32Array(batch) });
  const logits = await executable.readOutput('logits');
  return [...logits.slice(0, (expected.size * logits.length) / batch)];
}

function assertNear(actual: readonly number[], wanted: readonly number[], tolerance = 1e-5): void {
  const most = Math.max(...wanted.map(Math.abs));
  assert.equal(actual.length, wanted.length);
  for (const [i, value] of actual.entries()) assert.ok(Math.abs(value - wanted[i]!) <= tolerance * most, `${i}: ${value}, ${wanted[i]}`);
}

async function refusal(promise: Promise<unknown>): Promise<{ readonly code: string; readonly text: string }> {
  const error = await promise.then(
    () => assert.fail('it was taken'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof UserError, String(error));
  const [{ code, message, why, fix }] = error.diagnostics as [UserError['diagnostics'][number]];
  return { code, text: [message, why, fix].join('\n') };
}

describe('weights of PyTorch', () => {
  const workspace = makeWorkspace();
  after(() => workspace.remove());

  for (const [file, title] of [
    ['net.pt', 'a state dict'],
    ['older.pt', 'a state dict of the form before zip archives'],
    ['views.pt', 'tensors that are views of one storage, every second element, and in other orders'],
    ['checkpoint.pt', 'a checkpoint of a wrapped module, beside its optimizer'],
  ] as const)
    it(`${title}: PyTorch's logits`, async () => assertNear(await logitsOf(NET, `${FILES}/${file}`), expected.net));

  it('fp16, bf16 and fp64 become f32', async () => {
    assertNear(await logitsOf(NET, `${FILES}/formats.pt`), expected.formats);
    const { report } = await loadInitial(`${FILES}/formats.pt`, await planOf(NET));
    assert.deepEqual(
      report.tensors.slice(0, 3).map(({ dtype }) => dtype),
      ['F16', 'BF16', 'F64'],
    );
  });

  it('in_proj is taken apart into q, k and v, and axes of size 1 do not matter', async () => {
    assertNear(await logitsOf(ATTENTION, `${FILES}/attention.pt`), expected.attention);
  });

  it('says what was taken, from where, and how it was turned', async () => {
    const { report } = await loadInitial(`${FILES}/checkpoint.pt`, await planOf(NET));
    assert.equal(report.part, 'state_dict');
    assert.equal(report.prefix, 'module.');
    assert.deepEqual([report.kept, report.unused], [[], []]);
    const found = (name: string) => report.tensors.find((tensor) => tensor.name === name);
    assert.deepEqual(found('conv1.weight'), { name: 'conv1.weight', from: 'module.conv1.weight', by: 'name', order: 'OIHW -> HWIO' });
    assert.equal(found('fc1.weight')!.order, '[out, in (CHW)] -> [in (HWC), out]');
    assert.equal(found('fc2.weight')!.order, '[out, in] -> [in, out]');
    assert.equal(found('bn2.running_var')!.order, 'features CHW -> features HWC');
  });

  it('other names: by order and shape where that leaves no choice, by --init-map, and never by guessing', async () => {
    const plan = await planOf(RENAMED);
    const file = `${FILES}/net.pt`;
    assertNear(await logitsOf(RENAMED, file), expected.net);
    assert.ok((await loadInitial(file, plan)).report.tensors.every(({ by }) => by === 'order'));
    const map = [
      'conv1=stem',
      'bn1.*=stem_bn.*',
      'up=wider',
      'bn2=features',
      'fc1.weight=hidden.weight',
      'fc1.bias=hidden.bias',
      'fc2=head',
    ];
    assertNear(await logitsOf(RENAMED, file, { map }), expected.net);
    assert.ok((await loadInitial(file, plan, { map })).report.tensors.every(({ by }) => by === 'map'));
  });

  it('are refused with all that does not fit, and what fits is taken by wish', async () => {
    const file = `${FILES}/net.pt`;
    const { code, text } = await refusal(loadInitial(file, await planOf(NEW_HEAD)));
    assert.equal(code, 'AMP7202');
    assert.match(
      text,
      /fc2\.weight is f32\[3,5\] and should be f32\[7,5\].*; fc2\.bias|fc2\.weight is f32\[3,5\] and should be f32\[7,5\] .*, fc2\.bias/,
    );
    const { report } = await loadInitial(file, await planOf(NEW_HEAD), { partial: true });
    assert.deepEqual(
      report.kept.map(({ name }) => name),
      ['fc2.weight', 'fc2.bias'],
    );
    assert.equal(report.tensors.length, modelStates(await planOf(NEW_HEAD)).length - 2);
    // Running statistics are no parameters of a module.
    const parameters = await refusal(loadInitial(`${FILES}/parameters.pt`, await planOf(NET)));
    assert.match(parameters.text, /missing: bn1\.running_mean, bn1\.running_var, bn2\.running_mean, bn2\.running_var/);
  });

  it('a map that says nothing, or what is not there, is refused', async () => {
    const plan = await planOf(NET);
    const file = `${FILES}/net.pt`;
    for (const [rule, message] of [
      ['conv1', /not one name on each side/],
      ['conv*=conv1', /not the same number/],
      ['nothing.weight=conv1.weight', /the file has no such name/],
      ['conv1.weight=conv9.weight', /conv9\.weight is not in the model/],
      ['fc1.weight=conv1.weight', /fc1\.weight for conv1\.weight is f32\[5,216\]/],
    ] as const)
      assert.match((await refusal(loadInitial(file, plan, { map: [rule], partial: true }))).text, message);
  });

  it('runs nothing of a file: a pickled module is refused by the name that it asks for', async () => {
    const { code, text } = await refusal(loadInitial(`${FILES}/module.pt`, await planOf(NET)));
    assert.equal(code, 'AMP7201');
    assert.match(text, /__main__\.Net/);
    assert.match(text, /state_dict\(\)/);
  });

  it('safetensors: the order of axes is found by shapes, or has to be said', async () => {
    const plan = await planOf(NET);
    const { values } = await loadInitial(`${FILES}/net.pt`, plan);
    const layouts = torchLayouts(plan.functions.map(({ graph }) => graph));
    const theirs = new Map<string, Tensor>();
    const ours = new Map<string, Tensor>();
    for (const { name, shape } of modelStates(plan)) {
      const data = values.get(name) as Float32Array;
      theirs.set(name, { shape: layouts.get(name)!.shape, data: toTorch(layouts.get(name)!, data) });
      ours.set(name, { shape, data });
    }
    for (const [layout, tensors] of [
      ['torch', theirs],
      ['ampc', ours],
    ] as const) {
      const path = workspace.path(`${layout}.safetensors`);
      await writeSafetensors(path, tensors);
      assert.equal((await loadInitial(path, plan)).report.layout, layout);
      assertNear(await logitsOf(NET, path), expected.net);
    }
    const square = AROUND('model Net(image: [8, 8, 3]) -> [3] { image |> global_avg_pool |> linear(3) as fc }');
    const path = workspace.path('square.safetensors');
    await writeSafetensors(
      path,
      new Map([
        ['fc.weight', { shape: [3, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9) }],
        ['fc.bias', { shape: [3], data: new Float32Array(3) }],
      ]),
    );
    const { code, text } = await refusal(loadInitial(path, await planOf(square)));
    assert.equal(code, 'AMP7214');
    assert.match(text, /--init-layout torch/);
    const weight = async (layout: 'ampc' | 'torch') => [
      ...(await loadInitial(path, await planOf(square), { layout })).values.get('fc.weight')!,
    ];
    assert.deepEqual(await weight('ampc'), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(await weight('torch'), [1, 4, 7, 2, 5, 8, 3, 6, 9]);
  });

  it('damaged files are refused', async () => {
    const bytes = readFileSync(`${FILES}/net.pt`);
    const path = join(workspace.dir, 'cut.pt');
    writeFileSync(path, bytes.subarray(0, bytes.length - 100));
    assert.equal((await refusal(loadInitial(path, await planOf(NET)))).code, 'AMP7201');
  });

  it('a file of another kind is told as what it looks like', async () => {
    const plan = await planOf(NET);
    for (const [name, content, message] of [
      ['none.pt', '', /it looks like an empty file\n/],
      ['words.safetensors', 'weights', /it looks like text, which begins with "weights"\ngive the last\.safetensors/],
      ['table.pth', 'name,value\nfc.weight,1\n', /it looks like text, which begins with "name,value"\n/],
      ['net.amp', NET, /it looks like a program of ampc\ngive the weights/],
      ['keras.h5', Buffer.from('\x89HDF\r\n\x1a\n and so on', 'latin1'), /it looks like a file of HDF5/],
      ['other.pkl', Buffer.from('\x80\x04\x95\x2a\0\0\0\0\0\0\0', 'latin1'), /it looks like a pickle that torch\.save did not write/],
    ] as const) {
      const path = join(workspace.dir, name);
      writeFileSync(path, content);
      const { code, text } = await refusal(loadInitial(path, plan));
      assert.equal(code, 'AMP7201');
      assert.match(text, /is neither safetensors nor a state dict of PyTorch\n/);
      assert.match(text, message);
    }
  });

  it('weights of integers are there, but not taken', async () => {
    const plan = await planOf(NET);
    const { entries } = await openWeights(`${FILES}/net.pt`);
    const path = join(workspace.dir, 'int8.safetensors');
    const quantized = (rename: (name: string) => string) => {
      const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
      let at = 0;
      for (const { name, dtype, shape } of entries) {
        if (dtype !== 'F32') continue;
        const size = shape.reduce((product, side) => product * side, 1);
        header[rename(name)] = { dtype: 'I8', shape, data_offsets: [at, at + size] };
        at += size;
      }
      const json = Buffer.from(JSON.stringify(header));
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(json.length));
      writeFileSync(path, Buffer.concat([length, json, Buffer.alloc(at)]));
    };
    quantized((name) => name);
    const same = await refusal(loadInitial(path, plan));
    assert.match(same.text, /conv1\.bias is I8\[4\] and should be f32\[4\].*; numbers of these types are not taken as weights\n/);
    assert.match(same.text, /\nsave the weights as floats/);
    quantized((name) => `net.${name}`);
    const other = await refusal(loadInitial(path, plan));
    assert.match(other.text, /of their shapes, but of integers, which are not taken: net\.conv1\.weight I8\[4,3,3,3\]/);
    assert.match(other.text, /\nsave the weights as floats/);
  });

  it('the help names pairs of one shape alone, and says of a head that it has other classes', async () => {
    const text = AROUND(body({ conv: 'conv1', bn: 'bn1', up: 'up', norm: 'bn2', fc: 'fc1', head: 'classifier' }, 7));
    const head = await refusal(loadInitial(`${FILES}/net.pt`, await planOf(text)));
    assert.match(
      head.text,
      /\nfc2\.weight is f32\[3,5\], and classifier\.weight is \[7,5\]: they differ in their number of classes; --init-partial/,
    );
    assert.doesNotMatch(head.text, /--init-map/);
    const same = await refusal(loadInitial(`${FILES}/net.pt`, await planOf(NEW_HEAD)));
    assert.match(same.text, /\nfc2\.weight is f32\[3,5\], and fc2\.weight is \[7,5\]/);
    // Of two pairs of one shape, in an order that leaves a choice, and one that has none.
    const swapped = join(workspace.dir, 'swapped.safetensors');
    await writeSafetensors(
      swapped,
      new Map([
        ['b', { shape: [7], data: new Float32Array(7) }],
        ['c', { shape: [3], data: new Float32Array(3) }],
        ['a', { shape: [5], data: new Float32Array(5) }],
        ['d', { shape: [5], data: new Float32Array(5) }],
      ]),
      { format: 'pt' },
    );
    const pair = await refusal(loadInitial(swapped, await planOf(NET)));
    assert.match(pair.text, /--init-map a=fc1\.bias, or take/);
  });
});
