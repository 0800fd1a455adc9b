import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { elementCount } from '../../src/ir/types.js';
import { selectBackend } from '../../src/runtime/select.js';
import { type Tensor, writeSafetensors } from '../../src/training/safetensors.js';
import { startAmpc } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { makeWorkspace } from '../support/tiny.js';
import { uniform } from '../training/support/deterministic.js';

const DOCUMENT = readFileSync('docs/fine-tuning.md', 'utf8');
const STATE_DICT = (
  JSON.parse(readFileSync('test/fixtures/pytorch/resnet18_imagenet.json', 'utf8')) as {
    readonly state_dict: readonly (readonly [name: string, shape: readonly number[], dtype: string])[];
  }
).state_dict;

/** A word of a command line, without its quotes. */
const words = (line: string): string[] => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);

describe('docs/fine-tuning.md', () => {
  const work = makeWorkspace();
  after(() => work.remove());

  it('every command of the walk does what it says', async function () {
    this.timeout(600_000);
    await selectBackend('cpu').catch((error: Error) => skip(this, error.message));
    const program = /```amp\n([\s\S]*?)```/.exec(DOCUMENT)![1]!;
    writeFileSync(work.path('photos.amp'), program);
    const tensors = new Map<string, Tensor>();
    for (const [name, shape, dtype] of STATE_DICT) {
      const count = elementCount(shape);
      const isScale = name.endsWith('running_var') || (name.endsWith('weight') && shape.length === 1);
      const bound = shape.length === 1 ? 0.1 : Math.sqrt(3 / elementCount(shape.slice(1)));
      const data = isScale ? uniform(name, count, 0.25).map((x) => x + 1) : uniform(name, count, bound);
      tensors.set(name, { shape, data: dtype === 'int64' ? new Int32Array(1) : data });
    }
    await writeSafetensors(work.path('resnet18.safetensors'), tensors);
    for (const [split, count] of [
      ['train', 8],
      ['test', 2],
    ] as const)
      for (const [label, name] of ['cat', 'dog'].entries()) {
        const folder = join(work.dir, 'photos', split, name);
        mkdirSync(folder, { recursive: true });
        for (let i = 0; i < count; i += 1) {
          const background = { r: 60 + 120 * label + i, g: 90, b: 200 - 100 * label };
          await sharp({ create: { width: 70, height: 66, channels: 3, background } })
            .png()
            .toFile(join(folder, `${i}.png`));
        }
      }
    const commands = [...DOCUMENT.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) => block!.trim().split('\n'));
    assert.equal(commands.length, 6);
    const told: string[] = [];
    for (const command of commands) {
      const [name, ...args] = words(command);
      if (name !== 'ampc') {
        execFileSync('sh', ['-c', command], { cwd: work.dir });
        continue;
      }
      const isTraining = args[0] === 'train' || args[0] === 'eval' || args[0] === 'predict';
      const { code, stdout, stderr } = await startAmpc(isTraining ? [...args, '--backend', 'cpu'] : args, {}, { cwd: work.dir }).result;
      assert.equal(code, 0, `${command}\n${stderr}`);
      told.push(stdout);
    }
    // The lines of the table are those that are shown.
    const shown = /```\n(weights: [\s\S]*?)```/.exec(DOCUMENT)![1]!.trim().split('\n');
    for (const line of shown.filter((text) => text !== '…')) assert.ok(told[0]!.split('\n').includes(line), line);
    assert.match(told[1]!, /layer2\.0\.downsample\.1\.weight -> layer2\.0\.downsample_bn\.weight +--init-map/);
    assert.match(told.at(-1)!, /cat/);
  });
});
