import type { OnnxNode } from '../schema.js';

/** A model behind whose logits are probabilities, without them: losses take logits. */
export function withoutProbabilities(nodes: readonly OnnxNode[], result: string): { readonly result: string; readonly dropped?: string } {
  const last = nodes.find(({ output }) => output?.includes(result));
  const isLast = last?.opType === 'Softmax' || last?.opType === 'LogSoftmax';
  return isLast ? { result: last.input![0]!, dropped: last.opType } : { result };
}

/** The nodes that a result depends on, in their order. */
export function needed(nodes: readonly OnnxNode[], result: string): readonly OnnxNode[] {
  const wanted = new Set([result]);
  const found: OnnxNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!(node.output ?? []).some((name) => wanted.has(name))) continue;
    found.unshift(node);
    for (const name of node.input ?? []) wanted.add(name);
  }
  return found;
}
