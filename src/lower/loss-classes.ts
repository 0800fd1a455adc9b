import { type Augmentation, mixesImages } from '../datasets/augmentation.js';
import type { Span } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import type { LossSpec } from '../ir/program.js';
import type { Expr, TrainSection } from '../parser/ast.js';

/** What the file says of the loss of the model's result. */
export function writtenLoss(section: TrainSection | undefined): Expr | undefined {
  return section?.items.filter((item) => item.kind === 'setting').find(({ name }) => name.text === 'loss')?.value;
}

/** Where an argument of the loss is written, or the loss. */
function placeOf(written: Expr | undefined, argument: string): Span | undefined {
  const args = written?.kind === 'call' ? written.args : [];
  return args.find(({ name }) => name?.text === argument)?.value.span ?? written?.span;
}

/** Reports what a loss says of classes that the model does not have. */
export function checkLoss(loss: LossSpec, classes: number, written: Expr | undefined, sink: DiagnosticSink): void {
  if (loss.kind !== 'cross_entropy') return;
  const { weights, ignore } = loss;
  if (weights !== undefined && weights.length !== classes) {
    sink.error('AMP4016', placeOf(written, 'weights'), `\`weights\` has ${weights.length} numbers, the model has ${classes} classes`, {
      fix: 'give one number for each class, in the order of the labels',
    });
    return;
  }
  if (ignore !== undefined && ignore >= classes) {
    sink.error('AMP4016', placeOf(written, 'ignore'), `\`ignore\` is ${ignore}, which is no class`, {
      why: `the labels of ${classes} classes are 0 to ${classes - 1}`,
      fix: 'name one of them, or leave `ignore` out',
    });
    return;
  }
  if (weights?.every((weight, label) => weight === 0 || label === ignore) === true) {
    sink.error('AMP4016', placeOf(written, 'weights'), 'no class counts', {
      why: 'the weights of all classes that are not ignored are 0, so the loss is 0 whatever the model does',
      fix: 'give one of them a weight above 0',
    });
  }
}

/** Why a loss needs the one label of each image. */
function ofOneLabel(loss: LossSpec): string | undefined {
  if (loss.kind === 'focal') return '`focal` weighs classes by whether they are the label';
  if (loss.kind !== 'cross_entropy') return undefined;
  if (loss.weights !== undefined) return '`weights` says what an image counts by its label';
  return loss.ignore === undefined ? undefined : '`ignore` leaves out images by their label';
}

/** Reports a loss that needs one label, where images are joined and have shares of two. */
export function checkMixing(loss: LossSpec, augment: readonly Augmentation[], written: Expr | undefined, sink: DiagnosticSink): void {
  const why = mixesImages(augment) ? ofOneLabel(loss) : undefined;
  if (why === undefined) return;
  const kinds = augment.filter((one) => mixesImages([one])).map(({ kind }) => `\`${kind}\``);
  sink.error('AMP4016', written?.span, `this loss takes one label for each image, where ${kinds.join(' and ')} make two`, {
    why,
    fix: `take another loss, such as \`cross_entropy\`, or leave out ${kinds.join(' and ')}`,
  });
}
