import type { DiagnosticSink } from '../diagnostics/sink.js';
import { comparesImages, type DatasetSpec, type TrainSpec } from '../ir/program.js';
import type { TrainSection } from '../parser/ast.js';

/** Reports a metric that no epoch of a file has. */
export function checkEarlyStop(
  { earlyStop, loss }: TrainSpec,
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
  if (metric?.endsWith('_accuracy') && comparesImages(loss))
    sink.error('AMP4009', span, `\`early_stop\` watches \`${metric}\`, and a model that results in images has no accuracy`, {
      fix: `watch \`${metric.replace('accuracy', 'loss')}\``,
    });
}
