import type { LineIndex } from '../diagnostics/lines.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import type { Graph, Node } from '../ir/types.js';
import { elementCount } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';

/** Positions of a channel in one image: what each image adds to the batch's statistics. */
function positions(graph: Graph, { inputs }: Node): number {
  const { shape } = graph.nodes[inputs[0]!]!.type;
  return elementCount(shape.slice(1, -1));
}

/**
 * Reports a batch norm of a training graph that would have one value for each channel in the last micro-batch of an epoch. With a batch of
 * one image the layer itself is refused.
 */
export function checkLastStatistics(graph: Graph, images: number | undefined, lines: LineIndex, sink: DiagnosticSink): void {
  if (images !== 1) return;
  const node = graph.nodes.find((one) => opDefinition(one.op).spread === true && positions(graph, one) === 1);
  if (node === undefined) return;
  const start = node.loc && lines.offset(node.loc);
  const span = start === undefined ? undefined : { start, end: start + 'batch_norm'.length };
  sink.error('AMP4013', span, `the last batch of an epoch is one image, and \`${node.layer}\` has one value of it for each channel`, {
    why: 'batch_norm takes mean and variance over the batch, and one value has no variance',
    fix: 'use another batch, or leave that image out with `drop_last true`',
  });
}
