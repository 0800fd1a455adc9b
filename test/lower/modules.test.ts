import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { renderDiagnostics } from '../../src/diagnostics/render.js';
import { checkSource, lowerProgram, withUsed } from '../../src/lower/lower.js';
import { formatAmp } from '../../src/parser/format.js';

const MODEL = 'model Net(image: [32, 32, 3]) -> [10] { image |> Mine(4) as mine |> flatten |> linear(10) as fc }';

/** A program whose files are at hand; those of the library are read from where they are. */
function program(text: string, files: Readonly<Record<string, string>>) {
  return {
    path: 'folder/net.amp',
    text,
    used: Object.entries(files).map(([name, part]) => ({ name, path: `folder/${name}`, text: part })),
  };
}

describe('files that a file uses', () => {
  it('give it their own blocks and constants, and see those that they use themselves', () => {
    const source = program(`use "./sub/mine.amp"\n${MODEL}`, {
      'sub/mine.amp': 'use "../base.amp"\nlet width = base\nblock Mine(x, n) { x |> Inner(n) as inner }',
      'base.amp': 'let base = 8\nblock Inner(x, n) { x |> conv2d(base * n, kernel: 1) as conv }',
    });
    const weight = lowerProgram(source).train.nodes.find(({ attrs }) => attrs.name === 'mine.inner.conv.weight');
    assert.deepEqual(weight?.type.shape, [1, 1, 3, 32]);
    assert.deepEqual(weight?.loc, { line: 2, column: 50 });
    const unseen = checkSource({ ...source, text: source.text.replace('Mine(4)', 'Inner(base)') });
    assert.deepEqual(
      unseen.map(({ code }) => code),
      ['AMP2001', 'AMP2008'],
    ); // prettier-ignore
  });

  it('have their mistakes where they are', () => {
    const source = program(`use "./mine.amp"\n${MODEL}`, { 'mine.amp': '# mine\nblock Mine(x, n) { x |> linear(n) |> relu(3) }' });
    const text = renderDiagnostics(checkSource(source), source);
    assert.match(text, /AMP2005\][^\n]*\n *--> folder\/mine.amp:2:43\n/);
    const inUse = program(`use "./mine.amp"\n${MODEL}`, { 'mine.amp': '# mine\nblock Mine(x, n) { x |> add(x |> max_pool2d(n)) }' });
    assert.match(renderDiagnostics(checkSource(inUse), inUse), /--> folder\/mine.amp:2:25\n[\s\S]*::: folder\/net.amp:2:50\n/);
    const broken = program(`use "./mine.amp"\n${MODEL}`, { 'mine.amp': 'block Mine(x, n) { x |> }' });
    assert.match(renderDiagnostics(checkSource(broken), broken), /AMP1006[^\n]*\n *--> folder\/mine.amp:1:/);
  });

  it('are refused where they use each other', () => {
    const source = program(`use "./a.amp"\n${MODEL}`, { 'a.amp': 'use "./b.amp"', 'b.amp': 'use "./a.amp"' });
    const [found, ...others] = checkSource(source);
    assert.deepEqual([found?.code, found?.source?.path, others.length], ['AMP2018', 'folder/b.amp', 0]);
  });

  it('are kept with the source', () => {
    const { used } = withUsed({ path: 'net.amp', text: `use "ampc/blocks"\n${MODEL}` });
    assert.deepEqual(
      used?.map(({ name }) => name),
      ['ampc/blocks'],
    ); // prettier-ignore
  });

  it('come with ampc, in the standard style and without mistakes, and every block of them can be used', () => {
    const text = readFileSync(new URL('../../library/blocks.amp', import.meta.url), 'utf8');
    assert.equal(formatAmp(text), text);
    assert.deepEqual(checkSource({ path: 'blocks.amp', text }), []);
    const stages = [
      'conv_bn_relu(8, stride: 4) as a',
      'squeeze_excite(4) as b',
      'basic_residual(16, stride: 2) as c',
      'inverted_residual(16) as d',
      'convnext as e',
      'reshape([16, 16])',
      'transformer_encoder(2, rate: 0.1) as f',
    ];
    const body = `image |> ${stages.join(' |> ')} |> flatten |> linear(10) as fc`;
    const net = `use "ampc/blocks"\nmodel Net(image: [32, 32, 3]) -> [10] { ${body} }`;
    assert.deepEqual(checkSource({ path: 'net.amp', text: net }), []);
    for (const [, name] of text.matchAll(/^block (\w+)/gm)) assert.match(net, new RegExp(`\\b${name}\\b`));
  });

  it('may hold blocks alone, which can be checked but not trained', () => {
    const library = { path: 'blocks.amp', text: 'let n = 3\nblock Mine(x) { x |> relu }' };
    assert.deepEqual(checkSource(library), []);
    assert.throws(() => lowerProgram(library), /AMP4011/);
  });
});
