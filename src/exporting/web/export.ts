import type { ImageSize } from '../../datasets/source.js';
import type { Graph } from '../../ir/types.js';
import { refuseUnlessClassifier } from '../classifier.js';
import type { ModelFacts } from '../facts.js';
import { pageText } from './page.js';
import { webProgram } from './program.js';

/**
 * A page that classifies pictures by the plan's evaluation as WGSL, with its weights in it. Throws UserError AMP6405 for a model that
 * results in no classes or takes more than an image, and as `webProgram`.
 */
export function exportWeb(
  graph: Graph,
  states: ReadonlyMap<string, Float32Array>,
  facts: ModelFacts,
  size?: ImageSize,
): Readonly<Record<string, string>> {
  refuseUnlessClassifier(graph, facts.model, 'the page');
  const { program, weights } = webProgram(graph, states, facts);
  return { 'index.html': pageText(program, weights, facts, size) };
}
