import type { DiagnosticSink } from '../diagnostics/sink.js';
import { comparesImages, type DatasetSpec, type TrainSpec } from '../ir/program.js';
import { isTested } from '../ir/test-times.js';
import type { TrainSection } from '../parser/ast.js';

/** Reports a metric that no epoch of a file has, or that some lack. */
export function checkEarlyStop(
  { earlyStop, loss, test }: TrainSpec,
  dataset: DatasetSpec | undefined,
  section: TrainSection | undefined,
  sink: DiagnosticSink,
): void {
  const item = section?.items.find((one) => one.kind === 'setting' && one.name.text === 'early_stop');
  const span = item?.span;
  const metric = earlyStop?.metric;
  if (metric?.startsWith('validation_') && dataset !== undefined && dataset.validation === undefined)
    sink.error('AMP4009', span, `\`early_stop\` watches \`${metric}\`, and no images are kept for validation`, {
      fix: 'write `validation(0.1)` in `dataset`, or watch another metric',
    });
  if (metric?.startsWith('test_') && !isTested(test, 1))
    sink.error('AMP4009', span, `\`early_stop\` watches \`${metric}\`, and \`test\` leaves out epochs in which it would be measured`, {
      why: 'patience counts epochs, and one without a test is neither better nor worse',
      fix:
        `keep images for it, \`validation(0.1)\` in \`dataset\`, and watch \`${metric.replace('test', 'validation')}\`; ` +
        'or leave `test` out',
    });
  if (metric?.endsWith('_accuracy') && comparesImages(loss))
    sink.error('AMP4009', span, `\`early_stop\` watches \`${metric}\`, and a model that results in images has no accuracy`, {
      fix: `watch \`${metric.replace('accuracy', 'loss')}\``,
    });
}
