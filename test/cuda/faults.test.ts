import assert from 'node:assert/strict';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { batchPlan, runCase } from '../codegen/batch.js';
import { CaseBuilder } from '../codegen/contraction-cases.js';
import { namedRandom } from '../ops/random.js';
import { emulate, needCompiler } from './emulated.js';

/** A convolution in tensor cores with edges everywhere, and a sum over rows. */
function smallCase() {
  const b = new CaseBuilder(namedRandom('faults', 3), 'f16', true);
  const [x, w] = [b.low('x', [3, 7, 9, 16]), b.low('w', [3, 3, 16, 24])];
  const y = b.emit('conv2d', [x, w], { stride: [1, 1], padding: [1, 1, 1, 1] });
  return b.finish('conv2d', { y });
}

/** What stands for each in the generated source: no copy of it may stay. */
const FAULTS: Readonly<Record<string, readonly [RegExp, string]>> = {
  'a missing wait for copies': [/copy_wait<1>\(\);/g, ''],
  'a missing barrier': [/barrier<\d+>\(\);/g, ''],
  'a missing edge of the window': [/ && px < 9/g, ''],
  'terms beyond the end': [/ \|\| k >= k_end/g, ''],
  'a tile that is swizzled on one side alone': [/load_matrices\(a\[i\], (.*)place<4>\(/g, 'load_matrices(a[i], $1place<8>('],
  'operands that are not turned': [/load_matrices_turned\(b/g, 'load_matrices(b'],
  'blocks that overlap': [/const auto m0 = \((.*)\) \* (\d+)u;/g, 'const auto m0 = ($1) * ($2u - 16u);'],
};

describe('a fault planted in generated CUDA C++', function () {
  this.timeout(300_000);

  before(async function () {
    await needCompiler(this);
  });

  const agrees = async (change?: (source: string) => string): Promise<boolean> => {
    const item = smallCase();
    const want = evaluateGraph(item.graph, item.inputs, item.states).values.get(item.graph.outputs.y!)!;
    const executable = await emulate(batchPlan([item], 'cuda'), change);
    try {
      const got = await runCase(executable, item, 0, 'y');
      return got.every((x, i) => x === want[i]);
    } finally {
      await executable.dispose();
    }
  };

  it('there is none as it is generated', async () => {
    assert.equal(await agrees(), true);
  });

  for (const [name, [pattern, text]] of Object.entries(FAULTS))
    it(`${name}: shows`, async () => {
      const plant = (source: string) => {
        const at = source.search(/DEVICE void \w+_part/);
        const kernels = source.slice(at);
        assert.match(kernels, pattern);
        return source.slice(0, at) + kernels.replace(pattern, text);
      };
      assert.equal(await agrees(plant), false);
    });
});
