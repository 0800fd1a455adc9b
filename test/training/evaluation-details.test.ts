import assert from 'node:assert/strict';
import { DetailCollector } from '../../src/training/evaluation-details.js';

const identity = (values: Float32Array) => [...values];

/** Probabilities of six classes that floats hold exactly, one image a row; the label comes first. */
const IMAGES = [
  [0, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.03125],
  [0, 0.25, 0.5, 0.125, 0.0625, 0.0625, 0],
  [1, 0.125, 0.75, 0.125, 0, 0, 0],
  [5, 0.875, 0.03125, 0.03125, 0.03125, 0.03125, 0],
  // Of equal probabilities the first class is taken.
  [3, 0, 0, 0.5, 0.5, 0, 0],
] as const;

function collected(worst = 10) {
  const collector = new DetailCollector(6, identity, worst);
  const labels = Int32Array.from(IMAGES, ([label]) => label);
  const files = IMAGES.map((_, index) => `photos/${index}.png`);
  for (const [index, [, ...values]] of IMAGES.entries()) collector.add(Float32Array.from(values), index, { labels, files });
  return collector;
}

describe('what an evaluation tells beyond its accuracy', () => {
  const details = collected().details(['a', 'b', 'c', 'd', 'e']);

  it('counts labels and predictions', () => {
    assert.deepEqual(details.confusion, [
      [1, 1, 0, 0, 0, 0],
      [0, 1, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0],
      [0, 0, 1, 0, 0, 0],
      [0, 0, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 0],
    ]);
  });

  it('has precision, recall and F1 of each class, as scikit-learn defines them', () => {
    const [a, b, c, d, e, f] = details.per_class;
    assert.deepEqual(a, { name: 'a', images: 2, predicted: 2, precision: 1 / 2, recall: 1 / 2, f1: 1 / 2 });
    assert.deepEqual(b, { name: 'b', images: 1, predicted: 2, precision: 1 / 2, recall: 1, f1: 2 / 3 });
    assert.deepEqual(c, { name: 'c', images: 0, predicted: 1, precision: 0, recall: null, f1: 0 });
    assert.deepEqual(d, { name: 'd', images: 1, predicted: 0, precision: null, recall: 0, f1: 0 });
    assert.deepEqual(e, { name: 'e', images: 0, predicted: 0, precision: null, recall: null, f1: null });
    assert.equal(f?.name, '5');
    // Over a, b, c, d and the class without a name: e has neither images nor predictions.
    assert.ok(Math.abs(details.macro.precision - 1 / 5) < 1e-12);
    assert.ok(Math.abs(details.macro.recall - 1.5 / 5) < 1e-12);
    assert.ok(Math.abs(details.macro.f1 - (1 / 2 + 2 / 3) / 5) < 1e-12);
  });

  it('has the top-5 accuracy, where there are more classes than five', () => {
    assert.equal(details.top5, 4 / 5);
    const few = new DetailCollector(2, identity, 1);
    few.add(Float32Array.of(0.25, 0.75), 0, { labels: Int32Array.of(1) });
    assert.equal(few.details([]).top5, null);
  });

  it('has the calibration error: gaps between probability and accuracy in 15 bins, by their images', () => {
    // Three images at 0.5, of which one is right; one at 0.75, right; one at 0.875, wrong.
    const expected = (3 * Math.abs(1 / 3 - 0.5) + Math.abs(1 - 0.75) + Math.abs(0 - 0.875)) / 5;
    assert.ok(Math.abs(details.calibration_error - expected) < 1e-12, String(details.calibration_error));
    assert.deepEqual(
      details.calibration.filter(({ images }) => images > 0).map(({ images, confidence }) => [images, confidence]),
      [
        [3, 0.5],
        [1, 0.75],
        [1, 0.875],
      ],
    );
    assert.equal(details.calibration.length, 15);
  });

  it('has the mistakes, those first in which the label got least', () => {
    assert.deepEqual(details.worst, [
      { index: 3, file: 'photos/3.png', label: 5, predicted: 0, probability: 0.875, label_probability: 0 },
      { index: 1, file: 'photos/1.png', label: 0, predicted: 1, probability: 0.5, label_probability: 0.25 },
      { index: 4, file: 'photos/4.png', label: 3, predicted: 2, probability: 0.5, label_probability: 0.5 },
    ]);
    assert.deepEqual(
      collected(1)
        .details([])
        .worst.map(({ index }) => index),
      [3],
    );
    assert.deepEqual(collected(0).details([]).worst, []);
  });

  it('keeps the worst of many', () => {
    const many = new DetailCollector(2, identity, 3);
    const labels = new Int32Array(500);
    for (let index = 0; index < 500; index++) {
      const own = ((index * 7) % 500) / 1024;
      many.add(Float32Array.of(own, 1 - own), index, { labels });
    }
    assert.deepEqual(
      many.details([]).worst.map(({ label_probability }) => label_probability * 1024),
      [0, 1, 2],
    );
  });

  it('counts images without probabilities apart', () => {
    const collector = new DetailCollector(2, identity, 3);
    collector.add(Float32Array.of(Number.NaN, 0.5), 0, { labels: Int32Array.of(0) });
    assert.equal(collector.unusable, 1);
  });
});
