import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaProblem } from '../../src/files/schemas.js';
import { readEvents } from '../../src/training/metrics-file.js';
import { type Tensor, writeSafetensors } from '../../src/training/safetensors.js';
import { ampc } from '../support/cli.js';
import { TINY, useTiny } from '../support/tiny.js';

/** In PyTorch's layout: the features of the 4x4 image of 3 channels are channels first. */
const WEIGHTS = new Map<string, Tensor>([
  ['module.head.weight', { shape: [10, 48], data: Float32Array.from({ length: 480 }, (_, i) => i / 1000) }],
  ['module.head.bias', { shape: [10], data: new Float32Array(10).fill(0.5) }],
]);

describe('ampc train --init', () => {
  const tiny = useTiny();
  const weights = () => tiny.path('torch.safetensors');
  const train = (out: string, ...rest: readonly string[]) =>
    ampc(...tiny.args('train', tiny.program, '--out', tiny.path(out), '--max-steps', '1', ...rest));

  before(() => writeSafetensors(weights(), WEIGHTS, { format: 'pt' }));

  it('prints what matched, how it was converted and what is left', async () => {
    const { code, stdout, stderr } = await train('mapped', '--init', weights(), '--init-map', 'head=fc');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /weights: 2 tensors from .*torch\.safetensors, in PyTorch's layout, without the prefix module\./);
    assert.match(stdout, /module\.head\.weight -> fc\.weight +--init-map +\[out, in \(CHW\)\] -> \[in \(HWC\), out\]/);
    assert.match(stdout, /module\.head\.bias -> fc\.bias +--init-map +as it is/);
    const { events } = await readEvents(tiny.path('mapped'));
    assert.equal(events[1]!.event, 'init');
  });

  it('goes by order and shape where no name fits, and tells it as JSON', async () => {
    const { code, stdout, stderr } = await train('ordered', '--init', weights(), '--json');
    assert.equal(code, 0, stderr);
    const event = stdout
      .split('\n')
      .map((line) => JSON.parse(line || '{}') as { event?: string; tensors?: readonly { by: string }[] })
      .find(({ event: kind }) => kind === 'init')!;
    assert.equal(schemaProblem('events', event), undefined);
    assert.deepEqual(
      event.tensors!.map(({ by }) => by),
      ['order', 'order'],
    );
  });

  it('starts another head as the file says, by wish', async () => {
    const program = tiny.file('other.amp', TINY.replace('|> linear(10) as fc', '|> linear(12) as hidden |> relu |> linear(10) as fc'));
    const args = (...rest: readonly string[]) =>
      tiny.args('train', program, '--out', tiny.path('other'), '--max-steps', '1', '--init', weights(), ...rest);
    const refused = await ampc(...args());
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /AMP7202.*does not hold the weights of Tiny/);
    assert.match(refused.stderr, /missing: hidden\.weight, hidden\.bias, fc\.weight; not in the model: module\.head\.weight/);
    assert.match(refused.stderr, /fix: give weights that were saved from this model/);
    const { code, stdout, stderr } = await ampc(...args('--init-partial'));
    assert.equal(code, 0, stderr);
    assert.match(stdout, /hidden\.weight +starts as the file says +not in the file/);
    assert.match(stdout, /module\.head\.weight +left over +f32\[10,48\]/);
  });

  it('needs the file that the other options speak of', async () => {
    const { code, stderr } = await train('nothing', '--init-partial');
    assert.equal(code, 1);
    assert.match(stderr, /AMP6215/);
  });

  it('what a run of ampc saved needs no words', async () => {
    await train('first');
    const { stdout } = await train('second', '--init', join(tiny.path('first'), 'last.safetensors'));
    assert.match(stdout, /fc\.weight, fc\.bias +its name +as it is/);
    assert.ok(readFileSync(join(tiny.path('second'), 'metrics.jsonl'), 'utf8').includes('"layout":"ampc"'));
  });
});
