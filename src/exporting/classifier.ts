import { userError } from '../diagnostics/diagnostic.js';
import type { Graph } from '../ir/types.js';
import { furtherNodes, inputName } from './evaluation-graph.js';

/** Throws UserError AMP6405 for a model that results in no classes, or takes more than an image. `what` is that which classifies images. */
export function refuseUnlessClassifier(graph: Graph, model: string, what: string): void {
  const fix = 'export it with --to onnx or --to torch';
  if (graph.nodes[graph.outputs.logits!]!.type.shape.length !== 2)
    throw userError('AMP6405', `${model} results in no classes`, `it results in images, and ${what} classifies`, fix);
  const [further] = furtherNodes(graph);
  if (further !== undefined)
    throw userError(
      'AMP6405',
      `${model} takes more than images`,
      `it also takes ${inputName(further)}, and ${what} reads images alone`,
      fix,
    );
}
