import type { Besides, ClassScores, EvaluationDetails } from '../index.js';
import { formatCount, formatPercent, type Output } from './output.js';

/** Classes of a confusion matrix that a terminal has room for; of more the most frequent confusions are listed. */
const MATRIX_CLASSES = 16;

const SHOWN_CONFUSIONS = 20;

const rate = (value: number | null): string => (value === null ? '-' : formatPercent(value));

/** The second line of `ampc eval`. */
export function detailLine({ top5, macro, calibration_error }: EvaluationDetails): string {
  const top = top5 === null ? '' : `top-5 accuracy ${formatPercent(top5)}, `;
  return `${top}macro F1 ${formatPercent(macro.f1)}, expected calibration error ${formatPercent(calibration_error)}`;
}

/** What is tested besides. */
const BESIDES_WORDS: Readonly<Record<Besides, string>> = {
  raw: 'with the weights themselves',
  average: 'with their averages',
  plain: 'each image alone',
};

/** A line of `ampc eval` about scores besides. */
export function besidesLine(name: Besides, { accuracy, loss }: { readonly accuracy?: number; readonly loss: number }): string {
  const share = accuracy === undefined ? '' : `test accuracy ${formatPercent(accuracy)}, `;
  return `${BESIDES_WORDS[name]}: ${share}test loss ${loss.toFixed(4)}`;
}

function head(title: string, output: Output): void {
  output.line();
  output.line(output.style('bold', title));
}

interface Confusion {
  readonly label: number;
  readonly predicted: number;
  readonly images: number;
}

/** Labels and the classes that they are taken for, most frequent first. */
function confusions(matrix: EvaluationDetails['confusion']): readonly Confusion[] {
  const all = matrix.flatMap((row, label) => row.map((images, predicted) => ({ label, predicted, images })));
  return all.filter(({ label, predicted, images }) => label !== predicted && images > 0).sort((a, b) => b.images - a.images);
}

function printClasses({ per_class, macro, confusion }: EvaluationDetails, output: Output): void {
  const found = confusions(confusion);
  const takenFor = (label: number): string => {
    const most = found.find((other) => other.label === label);
    return most === undefined ? '-' : `${per_class[most.predicted]!.name} (${most.images})`;
  };
  const total = (of: (scores: ClassScores) => number) => formatCount(per_class.reduce((sum, scores) => sum + of(scores), 0));
  head('by class', output);
  output.table(
    ['class', 'images', 'predicted', 'precision', 'recall', 'F1', 'most often taken for'],
    [
      ...per_class.map(({ name, images, predicted, precision, recall, f1 }, label) => [
        name,
        formatCount(images),
        formatCount(predicted),
        rate(precision),
        rate(recall),
        rate(f1),
        takenFor(label),
      ]),
      [
        'mean',
        total(({ images }) => images),
        total(({ predicted }) => predicted),
        rate(macro.precision),
        rate(macro.recall),
        rate(macro.f1),
      ],
    ],
  );
}

function printConfusion({ per_class, confusion }: EvaluationDetails, output: Output): void {
  if (per_class.length <= MATRIX_CLASSES) {
    head('confusion matrix: labels down, predictions across, by number', output);
    output.table(
      ['', ...per_class.map((_, label) => String(label))],
      confusion.map((row, label) => [`${per_class[label]!.name} ${label}`, ...row.map(String)]),
    );
    return;
  }
  head('most frequent confusions', output);
  output.table(
    ['label', 'predicted', 'images'],
    confusions(confusion)
      .slice(0, SHOWN_CONFUSIONS)
      .map(({ label, predicted, images }) => [per_class[label]!.name, per_class[predicted]!.name, formatCount(images)]),
  );
}

function printCalibration({ calibration }: EvaluationDetails, output: Output): void {
  head('calibration: probability of the predicted class, and how often it is right', output);
  output.table(
    ['from', 'to', 'images', 'probability', 'accuracy'],
    calibration
      .filter(({ images }) => images > 0)
      .map(({ from, to, images, confidence, accuracy }) => [
        formatPercent(from),
        formatPercent(to),
        formatCount(images),
        rate(confidence),
        rate(accuracy),
      ]),
  );
}

function printWorst({ worst, per_class }: EvaluationDetails, output: Output): void {
  if (worst.length === 0) return;
  head('worst mistakes: the label got the least probability', output);
  const hasFiles = worst.some(({ file }) => file !== undefined);
  output.table(
    ['image', 'label', 'probability', 'predicted', 'probability', ...(hasFiles ? ['file'] : [])],
    worst.map(({ index, file, label, predicted, probability, label_probability }) => [
      String(index),
      per_class[label]!.name,
      formatPercent(label_probability),
      per_class[predicted]!.name,
      formatPercent(probability),
      ...(hasFiles ? [file ?? '-'] : []),
    ]),
  );
}

/** Everything that is known of a test. */
export function printDetails(details: EvaluationDetails, output: Output): void {
  printClasses(details, output);
  printConfusion(details, output);
  printCalibration(details, output);
  printWorst(details, output);
}
