import type { ImageSet } from './data/dataset.js';

/** A class as it was recognized; rates are 0 to 1, and null where they would divide by nothing. */
export interface ClassScores {
  readonly name: string;
  /** Test images of it, and those that were taken for it. */
  readonly images: number;
  readonly predicted: number;
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
}

/** Images whose predicted class has a probability between `from` and `to`. */
export interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly images: number;
  /** Mean probability of the predicted classes, and the share that is right; null without images. */
  readonly confidence: number | null;
  readonly accuracy: number | null;
}

export interface Mistake {
  /** Of the image in the test set, from 0. */
  readonly index: number;
  /** Where the data set is of files. */
  readonly file?: string;
  readonly label: number;
  readonly predicted: number;
  /** Of the predicted class and of the label. */
  readonly probability: number;
  readonly label_probability: number;
}

/** What is known of a test beyond accuracy and loss. */
export interface EvaluationDetails {
  /** Share of the images whose label is among the five most probable classes; null for at most five classes. */
  readonly top5: number | null;
  /** Means over the classes with images or predictions; a rate that is not defined counts as 0, as in scikit-learn. */
  readonly macro: { readonly precision: number; readonly recall: number; readonly f1: number };
  /** Expected calibration error, 0 to 1 (Guo et al. 2017): 15 bins of equal width. */
  readonly calibration_error: number;
  readonly calibration: readonly CalibrationBin[];
  readonly per_class: readonly ClassScores[];
  /** Images by label (rows) and by predicted class (columns). */
  readonly confusion: readonly (readonly number[])[];
  /** The mistakes in which the label got the least probability, worst first. */
  readonly worst: readonly Mistake[];
}

const BINS = 15;
const TOP = 5;

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

interface Bin {
  images: number;
  correct: number;
  sum: number;
}

/** Collects what a model says of each image. Of equal probabilities the class with the smaller number comes first, as on the device. */
export class DetailCollector {
  private readonly confusion: number[][];
  private readonly bins = Array.from({ length: BINS }, (): Bin => ({ images: 0, correct: 0, sum: 0 }));
  private readonly mistakes: Mistake[] = [];
  private amongTop = 0;
  private images = 0;
  /** Images for which the model gives no probabilities. */
  unusable = 0;

  /** `classes`: outputs of the model. `probabilitiesOf`: of its outputs for one image. */
  constructor(
    private readonly classes: number,
    private readonly probabilitiesOf: (values: Float32Array) => readonly number[],
    private readonly worst: number,
  ) {
    this.confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  }

  /** `values`: what the model results in for image `index` of the set. */
  add(values: Float32Array, index: number, { labels, files }: Pick<ImageSet, 'labels' | 'files'>): void {
    const probabilities = this.probabilitiesOf(values);
    if (!probabilities.every(Number.isFinite)) {
      this.unusable += 1;
      return;
    }
    const label = labels[index]!;
    const own = values[label]!;
    let predicted = 0;
    let before = 0;
    for (let other = 0; other < this.classes; other++) {
      const value = values[other]!;
      if (value > values[predicted]!) predicted = other;
      if (value > own || (value === own && other < label)) before += 1;
    }
    const probability = probabilities[predicted]!;
    this.images += 1;
    this.confusion[label]![predicted]! += 1;
    if (before < TOP) this.amongTop += 1;
    const bin = this.bins[Math.min(BINS - 1, Math.max(0, Math.ceil(probability * BINS) - 1))]!;
    bin.images += 1;
    bin.sum += probability;
    if (predicted === label) {
      bin.correct += 1;
      return;
    }
    const file = files?.[index];
    const found = { index, ...(file !== undefined && { file }), label, predicted, probability, label_probability: probabilities[label]! };
    this.mistakes.push(found);
    // Sorted now and then, so that few are kept.
    if (this.mistakes.length > 4 * this.worst + 64) this.keepWorst();
  }

  private keepWorst(): void {
    this.mistakes.sort((a, b) => a.label_probability - b.label_probability || b.probability - a.probability || a.index - b.index);
    this.mistakes.length = Math.min(this.mistakes.length, this.worst);
  }

  /** `names` of the classes by label; a class without one has its number. */
  details(names: readonly string[]): EvaluationDetails {
    this.keepWorst();
    const perClass = this.confusion.map((row, label): ClassScores => {
      const images = row.reduce((sum, count) => sum + count, 0);
      const predicted = this.confusion.reduce((sum, other) => sum + other[label]!, 0);
      const right = row[label]!;
      return {
        name: names[label] ?? String(label),
        images,
        predicted,
        precision: share(right, predicted),
        recall: share(right, images),
        f1: share(2 * right, images + predicted),
      };
    });
    const seen = perClass.filter(({ images, predicted }) => images + predicted > 0);
    const mean = (rate: (scores: ClassScores) => number | null): number =>
      seen.reduce((sum, scores) => sum + (rate(scores) ?? 0), 0) / Math.max(1, seen.length);
    const gaps = this.bins.reduce((sum, bin) => sum + Math.abs(bin.correct - bin.sum), 0);
    return {
      top5: this.classes <= TOP ? null : this.amongTop / this.images,
      macro: { precision: mean(({ precision }) => precision), recall: mean(({ recall }) => recall), f1: mean(({ f1 }) => f1) },
      calibration_error: gaps / this.images,
      calibration: this.bins.map(({ images, correct, sum }, bin) => {
        return { from: bin / BINS, to: (bin + 1) / BINS, images, confidence: share(sum, images), accuracy: share(correct, images) };
      }),
      per_class: perClass,
      confusion: this.confusion,
      worst: this.mistakes,
    };
  }
}
