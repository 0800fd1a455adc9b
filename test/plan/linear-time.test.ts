import assert from 'node:assert/strict';
import { compileProgram } from '../../src/compile.js';
import { compile } from '../../src/index.js';
import { chain } from '../support/models.js';
import { programOf } from '../support/network.js';

function milliseconds(layers: number): number {
  const program = programOf(chain(layers), { batch: 1, image: [4, 4, 3] });
  const start = performance.now();
  compileProgram(program, { backend: 'reference', low: ['f16'] });
  return performance.now() - start;
}

describe('compile time', () => {
  it('of ResNet-18, parsed and planned, is under 150 ms', async function () {
    const times: number[] = [];
    for (let run = 0; run < 3; run += 1) {
      const start = performance.now();
      await compile('examples/resnet18.amp', { backend: 'reference' });
      times.push(performance.now() - start);
    }
    this.test!.title += ` (${times.map((time) => `${Math.round(time)} ms`).join(', ')})`;
    assert.ok(Math.min(...times) < 150);
  });

  it('grows linearly with the number of layers', function () {
    milliseconds(500);
    const sizes = [500, 1000, 2000];
    const times = sizes.map(milliseconds);
    const [small, , large] = times;
    this.test!.title += ` (${sizes.map((layers, i) => `${layers}: ${Math.round(times[i])} ms`).join(', ')})`;
    assert.ok(large < 8 * small, `four times the layers took ${(large / small).toFixed(1)} times as long`);
  });
});
