import assert from 'node:assert/strict';
import { printGraph } from '../../src/ir/print.js';
import { lowerProgram } from '../../src/lower/lower.js';

const byHand = (softmax: string) => `
block Attention(x, heads, size) {
  let q = x |> linear(heads * size) as q |> scale(1 / sqrt(size)) |> reshape([16, heads, size]) |> transpose([1, 0, 2])
  let k = x |> linear(heads * size) as k |> reshape([16, heads, size]) |> transpose([1, 0, 2])
  let v = x |> linear(heads * size) as v |> reshape([16, heads, size]) |> transpose([1, 0, 2])
  q |> matmul(k, transpose: true) |> ${softmax} |> dropout(0.1) |> matmul(v)
  |> transpose([1, 0, 2]) |> reshape([16, heads * size]) |> linear(heads * size) as out
}`;

/** The graph that is trained, without places in the text and without how weights start. */
function trained(layer: string, blocks: string): string {
  const text = `${blocks}
model Net(image: [32, 32, 3]) -> [10] {
  image |> conv2d(24, kernel: 8, stride: 8) |> reshape([16, 24]) |> ${layer} as attn |> mean(0) |> linear(10)
}`;
  const program = lowerProgram({ path: 'net.amp', text });
  return printGraph(program.train)
    .replace(/ loc\(\d+:\d+\)/g, '')
    .replace(/init="\w+", value=[\d.e-]+/g, '');
}

describe('attention', () => {
  it('is the same graph as written by hand, names and random numbers included', () => {
    const written = (softmax: string) => trained('Attention(heads: 3, size: 8)', byHand(softmax));
    assert.deepEqual(trained('attention(heads: 3, dropout: 0.1)', ''), written('softmax'));
    assert.deepEqual(trained('attention(heads: 3, dropout: 0.1, causal: true)', ''), written('softmax(causal: true)'));
  });
});
