import type { DiagnosticSink } from '../diagnostics/sink.js';
import { comparesImages, type TrainSpec } from '../ir/program.js';
import type { TrainSection } from '../parser/ast.js';

/** Reports views of the image that cannot be averaged, or that the image has no room for. */
export function checkViews(
  { views, loss }: TrainSpec,
  image: readonly number[],
  section: TrainSection | undefined,
  sink: DiagnosticSink,
): void {
  if (views === undefined) return;
  const span = section?.items.find((item) => item.kind === 'setting' && item.name.text === 'evaluate')?.span;
  if (comparesImages(loss))
    sink.error('AMP4009', span, '`evaluate average` averages classes, and the model results in an image', {
      why: 'images of views that are mirrored or moved lie elsewhere',
      fix: 'remove it',
    });
  const room = Math.min(image[0] ?? 0, image[1] ?? 0) - 1;
  if (views.translate > room)
    sink.error('AMP4009', span, `\`translate: ${views.translate}\` is more than images of ${image[0]}x${image[1]} can be mirrored by`, {
      why: 'what lies beyond an edge is the image mirrored there, without the edge itself',
      fix: `move them by at most ${room}`,
    });
}
