import assert from 'node:assert/strict';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { DiagnosticSink } from '../../src/diagnostics/sink.js';
import { evaluate } from '../../src/lower/evaluate.js';
import { outsideFile } from '../../src/lower/evaluation.js';
import { checkSource, lowerProgram } from '../../src/lower/lower.js';
import { parseExpression } from '../../src/parser/parse.js';

function net(body: string, rest = '') {
  return { path: 'net.amp', text: `${rest}\nmodel Net(image: [32, 32, 3]) -> [10] { ${body} }` };
}

function value(text: string) {
  return evaluate(parseExpression({ path: 'x', text }, 0), outsideFile(new DiagnosticSink()));
}

describe('evaluate', () => {
  it('computes numbers with the usual precedence', () => {
    const cases: readonly (readonly [string, number])[] = [
      ['1 + 2 * 3', 7],
      ['10 - 4 - 3', 3],
      ['-2 * 3', -6],
      ['7 % 3', 1],
      ['-1 % 3', 2],
      ['2 * (3 + 4)', 14],
      ['12 / 4 / 3', 1],
      ['max(2, 3) + min(4, 5) + floor(1.7) + ceil(1.2) + round(2.5) + sqrt(9)', 16],
    ]; // prettier-ignore
    for (const [text, expected] of cases) assert.deepEqual(value(text), { kind: 'number', value: expected }, text);
  });

  it('computes truth values', () => {
    const cases: readonly (readonly [string, boolean])[] = [
      ['1 < 2 and 2 <= 2', true],
      ['not 1 == 2', true],
      ['not true or true', true],
      ['1 != 1 or 3 > 4', false],
      ['same == same', true],
      ['true == false', false],
      ['false and 1 / 0 > 1', false],
      ['true or 1 / 0 > 1', true],
    ]; // prettier-ignore
    for (const [text, expected] of cases) assert.deepEqual(value(text), { kind: 'boolean', value: expected }, text);
  });

  it('walks long sums without recursion', () => {
    assert.deepEqual(value(Array.from({ length: 20_000 }, () => '1').join(' + ')), { kind: 'number', value: 20_000 });
  });
});

describe('lowerProgram', () => {
  it('throws every error with the source', () => {
    const source = net('image |> rellu |> conv2d(3) |> linear(10)', 'train { bach 3 }');
    assert.throws(
      () => lowerProgram(source),
      (error) => error instanceof UserError && error.source === source && error.diagnostics.length === 3,
    );
  });

  it('uses the batch of the options, of the overrides or of the file', () => {
    const source = net('image |> flatten |> linear(10)', 'train { batch 3 }');
    const batch = (options: Parameters<typeof lowerProgram>[1]) => {
      const { train, eval: evaluation } = lowerProgram(source, options);
      return [train, evaluation].map((graph) => graph.nodes[0].type.shape[0]);
    };
    assert.deepEqual(batch({}), [3, 3]);
    assert.deepEqual(batch({ overrides: { batch: 5 } }), [5, 5]);
    assert.deepEqual(batch({ batch: 7, evalBatch: 9, overrides: { batch: 5 } }), [7, 9]);
  });

  it('gives every node of a layer its place in the source', () => {
    const { train } = lowerProgram(net('image |> flatten\n  |> linear(10) as fc'));
    const node = train.nodes.find((candidate) => candidate.op === 'linear');
    assert.deepEqual([node?.layer, node?.loc], ['fc', { line: 3, column: 6 }]);
  });

  it('evaluates the arguments of blocks where they are written, and defaults inside', () => {
    const { train } = lowerProgram(
      net('let n = 3  image |> flatten |> B(n + 1) |> linear(10)', 'block B(x, n, m = n * 2) { x |> linear(n) as a |> linear(m) as b }'),
    );
    const shape = (name: string) => train.nodes.find((node) => node.attrs.name === name)?.type.shape;
    assert.deepEqual(
      [shape('B_1.a.weight'), shape('B_1.b.weight')],
      [
        [3072, 4],
        [4, 8],
      ],
    );
  });

  it('passes words and values of the graph through blocks', () => {
    const { train } = lowerProgram(
      net(
        'image |> B(image, valid) |> flatten |> linear(10)',
        'block B(x, other, padding = same) { x |> add(other) |> conv2d(2, kernel: 3, padding: padding) }',
      ),
    );
    assert.deepEqual(train.nodes.find((node) => node.op === 'conv2d')?.type.shape, [64, 30, 30, 2]);
  });

  it('keeps one update of the running statistics per batch norm that is used', () => {
    const { train, eval: evaluation } = lowerProgram(net('let a = image |> batch_norm  image |> batch_norm |> flatten |> linear(10)'));
    assert.equal(train.nodes.filter((node) => node.op === 'running_update').length, 2);
    assert.equal(evaluation.nodes.filter((node) => node.op === 'running_update').length, 0);
  });

  it('draws different dropout for each layer', () => {
    const { train } = lowerProgram(net('image |> flatten |> dropout(0.1) |> dropout(0.1) |> linear(10)', 'train { seed 5 }'));
    const drops = train.nodes.filter((node) => node.op === 'dropout');
    assert.equal(new Set(drops.map((node) => node.attrs.salt)).size, 2);
    assert.deepEqual(
      drops.map((node) => node.attrs.seed),
      [5, 5],
    );
    assert.equal(train.nodes.filter((node) => node.op === 'input').length, 2);
  });

  it('warns only where there is no error', () => {
    const codes = (body: string) => checkSource(net(body)).map((d) => d.code);
    assert.deepEqual(codes('let a = 3  image |> flatten |> linear(10)'), ['AMP2014']);
    assert.deepEqual(codes('let a = 3  image |> flatten |> linear(b)'), ['AMP2008']);
  });

  it('warns of an adaptive pool to more than its image has, once', () => {
    const found = (body: string) => checkSource(net(`image |> max_pool2d(4) |> ${body} |> flatten |> linear(10)`));
    for (const pool of ['adaptive_avg_pool2d', 'adaptive_max_pool2d']) {
      assert.deepEqual(found(`${pool}(8)`), []);
      const [warning, ...others] = found(`${pool}([9, 2])`);
      assert.deepEqual([warning?.code, warning?.severity, others], ['AMP3006', 'warning', []]);
      assert.equal(warning!.message, 'the result of [9, 2] is larger than the image of [8, 8]');
      assert.match(warning!.fix!, /pool to \[8, 2\] at most/);
    }
  });

  it('says what takes the place of a layer that it has not', () => {
    const [error] = checkSource(net('image |> embedding(10, 4) |> flatten |> linear(10)'));
    assert.equal(error!.message, 'there is no layer `embedding`');
    assert.match(error!.fix!, /param\(\[rows, features\]\)/);
  });

  it('reports a mistake in a block once, however often it is called', () => {
    const source = net('image |> repeat 50 { B } |> flatten |> linear(10)', 'block B(x) { x |> conv2d(3, kernel: 99) }');
    assert.deepEqual(
      checkSource(source).map((d) => d.code),
      ['AMP3002'],
    );
  });
});
