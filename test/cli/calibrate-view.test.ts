import assert from 'node:assert/strict';
import { ampc } from '../support/cli.js';
import { makeWorkspace, TINY, type Workspace, writeTinyCifar } from '../support/tiny.js';

describe('ampc calibrate', () => {
  let work: Workspace;

  before(() => {
    work = makeWorkspace();
    writeTinyCifar(work.dir);
  });

  after(() => work.remove());

  async function calibrate(text: string, ...more: readonly string[]): Promise<string> {
    const file = work.file('net.amp', text);
    const { code, stdout, stderr } = await ampc('calibrate', file, '--backend', 'reference', '--data', work.dir, ...more);
    assert.deepEqual([code, stderr], [0, '']);
    return stdout;
  }

  it('says what would overflow in fp16 when the file computes in another format', async () => {
    const text = TINY.replace('as fc', 'as fc |> scale(1e6) as hot');
    assert.match(await calibrate(text, '--steps', '1'), /^keep hot in fp32 {3}# scale of hot reaches /m);
    const bf16 = await calibrate(text, '--steps', '1', '--precision', 'bf16');
    assert.match(bf16, /^not in fp16 here, where they would overflow: scale of hot \([\d.,e+]+\)$/m);
    assert.doesNotMatch(bf16, /no value of the forward pass overflows/);
    assert.match(await calibrate(TINY, '--steps', '1', '--precision', 'bf16'), /^no value of the forward pass overflows fp16$/m);
  });

  it('says what is infinite or NaN in f32, where no format helps', async () => {
    const steep = TINY.replace('adam(lr: 1e-3)', 'sgd(lr: 1e38)').replace('as fc', 'as fc |> scale(100)');
    const stdout = await calibrate(steep, '--steps', '3');
    assert.match(
      stdout,
      /^infinite or NaN in f32: .*linear of fc \(4:\d+\).*: lower the learning rate, clip the gradients, or check the data$/m,
    );
    assert.match(stdout, /^fc +linear +f16 +infinite or NaN/m);
  });

  it('never shows a gradient of a larger batch larger than it is', async () => {
    // 32 images are measured of 45: an activation's gradient is 32/45 of what it was, more than half and less than the whole.
    const text = TINY.replace('batch 8', 'batch 45').replace('as fc', 'as fc |> scale(40) as hot |> tanh');
    const { values } = JSON.parse(await calibrate(text, '--steps', '1', '--json'));
    for (const { value, max, min_nonzero, exponents } of values) {
      assert.ok(2 ** exponents.at(-1)[0] <= max, `${value}: ${max}`);
      assert.ok(2 ** exponents[0][0] <= min_nonzero, `${value}: ${min_nonzero}`);
    }
  });

  it('counts in the singular', async () => {
    assert.match(await calibrate(TINY, '--steps', '1', '--batch', '1'), /^Tiny: .* 1 step of 1 image$/m);
  });
});
