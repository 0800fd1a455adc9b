import type { LineIndex } from '../diagnostics/lines.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { isState } from '../ir/structure.js';
import type { Graph, Node } from '../ir/types.js';

/** What keeps a reader of a whitening weight from getting white patches by it; undefined: nothing does. */
function obstacle({ nodes }: Graph, reader: Node): string | undefined {
  if (reader.op !== 'conv2d') return `\`${reader.op}\` reads it, which is no convolution of the image`;
  const input = nodes[reader.inputs[0]!]!;
  if (input.layer !== 'normalize') return `\`${reader.layer}\` reads what \`${input.layer}\` makes, not the image itself`;
  return reader.attrs.dilation === undefined ? undefined : `the windows of \`${reader.layer}\` are dilated, and patches are not`;
}

/** Reports weights that start as `whiten` and belong to anything but a convolution of the model's image. */
export function checkWhitening(graph: Graph, lines: LineIndex, sink: DiagnosticSink): void {
  for (const node of graph.nodes) {
    if (!isState(node) || node.attrs.init !== 'whiten') continue;
    const why = graph.nodes.flatMap((reader) => (reader.inputs.includes(node.id) ? [obstacle(graph, reader)] : [])).find(Boolean);
    if (why === undefined) continue;
    const start = node.loc && lines.offset(node.loc);
    const span = start === undefined ? undefined : { start, end: start + 'conv2d'.length };
    sink.error('AMP2019', span, `\`${String(node.attrs.name)}\` starts as \`whiten\`, which is for a convolution of the image`, {
      why: `its filters come from patches of the training images; ${why}`,
      fix: 'give it to the `conv2d` that the image goes through first',
    });
  }
}
