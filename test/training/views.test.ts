import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { viewsOf } from '../../src/ir/views.js';
import { ampc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { inTemporaryFolder, readMetrics } from './support/fake.js';

const program = (setting: string) => `dataset shapes(images: 96, size: 16) { normalize(mean: 0.5, std: 0.5) }

model Small(image: dataset.shape) -> [dataset.classes] {
  image |> conv2d(4, kernel: 3, stride: 2) as conv1 |> relu |> flatten |> linear(dataset.classes) as fc
}

precision { compute fp32 }

train { optimizer adam(lr: 1e-2)  ${setting}  batch 16  epochs 2 }
`;

type Line = Readonly<Record<string, unknown>>;

describe('evaluation that averages views', function () {
  this.timeout(120_000);
  const set = environment(['AMPC_CACHE']);

  it('weighs the views as airbench does', () => {
    const views = viewsOf({ kind: 'average', flip: true, translate: 1 });
    assert.deepEqual(
      views.map(({ shift, flipped, share }) => [shift, flipped, share]),
      [
        [0, false, 0.25],
        [0, true, 0.25],
        [-1, false, 0.125],
        [-1, true, 0.125],
        [1, false, 0.125],
        [1, true, 0.125],
      ],
    );
  });

  it('trains as without them, and tells the scores of each image alone, which are those of a run without views', () =>
    inTemporaryFolder(async (dir) => {
      set({ AMPC_CACHE: join(dir, 'cache') });
      const epochs: Line[][] = [];
      for (const [name, setting] of [
        ['alone', ''],
        ['views', 'evaluate average(flip: true, translate: 1)'],
      ] as const) {
        const file = join(dir, `${name}.amp`);
        writeFileSync(file, program(setting));
        await ampc('train', file, '--backend', 'reference', '--out', join(dir, name), '--quiet');
        epochs.push(((await readMetrics(join(dir, name))) as Line[]).filter(({ event }) => event === 'epoch'));
      }
      const [alone, views] = epochs as [Line[], Line[]];
      for (const [at, epoch] of alone.entries()) {
        assert.equal(views[at]!.train_loss, epoch.train_loss);
        assert.equal(views[at]!.plain_test_loss, epoch.test_loss);
        assert.equal(views[at]!.plain_test_accuracy, epoch.test_accuracy);
        assert.notEqual(views[at]!.test_loss, epoch.test_loss);
      }
      const { stdout } = await ampc('eval', join(dir, 'views'), '--backend', 'reference', '--json');
      const evaluated = JSON.parse(stdout.trim()) as Line;
      assert.equal(evaluated.test_loss, views.at(-1)!.test_loss);
      assert.equal(evaluated.plain_test_loss, alone.at(-1)!.test_loss);
      const exported = await ampc('export', join(dir, 'views'), '--to', 'onnx', '--backend', 'reference', '--out', join(dir, 'x.onnx'));
      assert.equal(exported.code, 0);
      assert.match(exported.stderr, /looks at each image alone/);
    }));
});
