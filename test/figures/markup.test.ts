import assert from 'node:assert/strict';
import fc from 'fast-check';
import sharp from 'sharp';
import { barChart } from '../../src/figures/bar-chart.js';
import { confusionMatrix } from '../../src/figures/confusion.js';
import { type Figure, svgFile } from '../../src/figures/figure.js';
import { layerGraph } from '../../src/figures/layer-graph.js';
import { formatNumber, lineChart } from '../../src/figures/line-chart.js';

/** Throws where a parser of XML finds a fault. */
async function draw(figure: Figure | undefined): Promise<void> {
  assert.ok(figure !== undefined);
  await sharp(Buffer.from(svgFile(figure)))
    .png()
    .toBuffer();
}

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('</svg><script>', '"onload="x', '&amp;', '\u0000', ']]>'),
);

describe('figures', () => {
  it('are XML, whatever names are in them', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, hostile, fc.double({ min: -1e300, max: 1e300, noNaN: true }), async (one, other, value) => {
        await draw(
          lineChart({
            title: one,
            x: other,
            series: [
              {
                name: other,
                colour: 3,
                isDotted: true,
                points: [
                  [0, value],
                  [1, Number.NaN],
                  [2, 1],
                ],
              },
            ],
          }),
        );
        await draw(barChart(other, [{ name: one, value: Math.abs(value) + 1, colour: 'red', hint: other }], String));
        await draw(
          confusionMatrix(
            [one, other],
            [
              [3, 1],
              [0, 0],
            ],
          ),
        );
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  it('are none where nothing can be drawn', () => {
    const series = (points: readonly (readonly [number, number])[]) => [{ name: 'a', colour: 0, points }];
    assert.equal(lineChart({ title: '', x: '', series: [] }), undefined);
    assert.equal(
      lineChart({
        title: '',
        x: '',
        series: series([
          [0, Number.NaN],
          [1, Number.POSITIVE_INFINITY],
        ]),
      }),
      undefined,
    );
    assert.equal(lineChart({ title: '', x: '', isLog: true, series: series([[0, 0]]) }), undefined);
    assert.equal(barChart('', [{ name: 'a', value: 0, colour: 'blue' }], String), undefined);
    assert.equal(layerGraph([], [], String), undefined);
  });

  it('keep the highest and the lowest point of many', () => {
    const points = Array.from({ length: 10_000 }, (_, step) => [step, step === 7777 ? 50 : step === 3333 ? -50 : Math.sin(step)] as const);
    const { content } = lineChart({ title: '', x: '', series: [{ name: 'loss', colour: 0, points }] })!;
    const path = /class="curve stroke-blue" d="M([^"]+)"/.exec(content.markup)![1]!;
    const heights = path.split('L').map((pair) => Number(pair.split(',')[1]));
    assert.ok(heights.length <= 600);
    const inner = heights.filter((y) => y > 60 && y < 170).length;
    assert.equal(heights.filter((y) => y < 60).length, 1, 'the peak');
    assert.equal(heights.filter((y) => y > 170).length, 1, 'the dip');
    assert.equal(inner, heights.length - 2);
  });

  it('write numbers short', () => {
    assert.deepEqual([0, 65536, 0.1, 1 / 3, 1e-7, 1.5e-5, 1.25e12, -2.5].map(formatNumber), [
      '0',
      '65536',
      '0.1',
      '0.3333',
      '1e-7',
      '1.5e-5',
      '1.3e12',
      '-2.5',
    ]);
  });

  it('tell apart the numbers along an axis, however near they are', () => {
    const points = [
      [0, 0.004_001],
      [1, 0.004_002],
    ] as const;
    const { content } = lineChart({ title: '', x: '', series: [{ name: 'lr', colour: 0, points }] })!;
    const names = [...content.markup.matchAll(/class="end faint-text">([^<]+)</g)].map(([, name]) => name);
    assert.ok(names.length > 3);
    assert.equal(new Set(names).size, names.length);
  });

  it('show layers from top to bottom with casts on their edges', async () => {
    const layer = (name: string, format: 'f16' | 'f32') => ({ name, what: 'conv2d [8]', format, gradient: format, why: 'low' });
    const edges = [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'c', cast: { from: 'f16', to: 'f32', bytes: 64 } as const },
      { from: 'a', to: 'c' },
    ];
    const figure = layerGraph([layer('a', 'f16'), layer('b', 'f16'), layer('c', 'f32')], edges, (bytes) => `${bytes} B`);
    await draw(figure);
    const { markup } = figure!.content;
    assert.match(markup, /cast from f16 to f32, 64 B a step/);
    const tops = ['a', 'b', 'c'].map((name) => Number(new RegExp(`translate\\([\\d.]+ ([\\d.]+)\\)"><title>${name}:`).exec(markup)![1]));
    assert.deepEqual(
      [...tops].sort((x, y) => x - y),
      tops,
    );
  });
});
