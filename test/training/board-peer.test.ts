import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ampc, interruptedAt } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { useTiny } from '../support/tiny.js';

const PEERS = fileURLToPath(new URL('../../.peers/bin/python', import.meta.url));

/** Reads a run as TensorBoard's server does, and prints what it found. */
const READER = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
found = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0, 'images': 0, 'histograms': 0, 'tensors': 0})
found.Reload()
tags = found.Tags()
print(json.dumps({
  'scalars': {tag: [[event.step, event.value] for event in found.Scalars(tag)] for tag in tags['scalars']},
  'images': {tag: [[event.step, event.width, event.height] for event in found.Images(tag)] for tag in tags['images']},
  'histograms': {tag: [[event.step, event.histogram_value.num] for event in found.Histograms(tag)] for tag in tags['histograms']},
  'graph': [node.name for node in found.Graph().node],
}))
`;

interface Found {
  readonly scalars: Readonly<Record<string, readonly (readonly [step: number, value: number])[]>>;
  readonly images: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly histograms: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly graph: readonly string[];
}

function pythonWithTensorBoard(): string | undefined {
  return [PEERS, 'python3'].find((python) => spawnSync(python, ['-c', 'import tensorboard']).status === 0);
}

describe('TensorBoard', function () {
  this.timeout(240_000);
  const work = useTiny();
  let python: string;

  before(function () {
    python = pythonWithTensorBoard() ?? skip(this, 'no Python here has the package tensorboard');
  });

  function read(run: string): Found {
    const { status, stdout, stderr } = spawnSync(python, ['-c', READER, run], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stderr, /oddly not associated/);
    return JSON.parse(stdout) as Found;
  }

  it('reads the numbers, histograms, graph and pictures of a run that was interrupted and went on', async () => {
    const run = work.path('run');
    const options = ['--out', run, '--log-every', '1', '--histograms', '--json'];
    const stopped = await interruptedAt('"event":"step","step":13,', work.args('train', work.program, ...options));
    assert.equal(stopped.code, 130, stopped.stderr);
    const { code, stderr } = await ampc(...work.args('train', work.program, '--resume', run, '--log-every', '1'));
    assert.equal(code, 0, stderr);
    const { scalars, images, histograms, graph } = read(run);
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const events = lines.map((line) => JSON.parse(line));
    const steps = events.filter(({ event }) => event === 'step');
    assert.equal(steps.length, 20);
    assert.deepEqual(
      scalars['train/loss'],
      steps.map(({ step, loss }) => [step, Math.fround(loss)]),
    );
    assert.deepEqual(
      scalars['epoch/test_accuracy'],
      events.flatMap((event) => (event.event === 'epoch' ? [[event.epoch * 10, Math.fround(event.test_accuracy)]] : [])),
    );
    assert.deepEqual(images['mistakes/01'], [[20, 32, 32]]);
    assert.deepEqual(histograms['gradients/fc.weight'], [
      [10, 480],
      [20, 480],
    ]);
    assert.ok(graph.includes('fc/weight'));
  });
});
