import type { PrecisionSpec } from '../ir/program.js';
import { isState } from '../ir/structure.js';
import type { DType, Graph, Node } from '../ir/types.js';
import { isFloat, precisionName, stringAttr } from '../ir/types.js';
import type { Why } from '../ir/why.js';
import { kindsOfParameters } from '../ops/kinds-of-parameters.js';

/** In which format a state lives between steps, and why, where that is not f32. */
export interface Storage {
  readonly dtype: DType;
  readonly why: Why;
}

type Stored = Pick<PrecisionSpec, 'masters' | 'optimizerState'>;

/**
 * Of the states of a step: those that the file stores in a low format. Weights that contractions read do without a master in f32; the
 * update reads them exactly, computes in f32 and rounds what it leaves.
 */
export function storageOf(graph: Graph, { masters, optimizerState }: Stored): (node: Node) => Storage | undefined {
  if (masters === undefined && optimizerState === undefined) return () => undefined;
  const kinds = kindsOfParameters(graph.nodes);
  const master: Storage | undefined = masters && {
    dtype: masters,
    why: { rule: 'storage', text: `masters ${precisionName(masters)}: rounded by each update, with no copy in f32` },
  };
  const slot: Storage | undefined = optimizerState && {
    dtype: optimizerState,
    why: { rule: 'storage', text: `optimizer_state ${precisionName(optimizerState)}: rounded by each update` },
  };
  return (node) => {
    if (!isState(node) || !isFloat(node.type.dtype)) return undefined;
    if (node.attrs.role === 'parameter') return kinds.get(stringAttr(node.attrs, 'name')) === 'weights' ? master : undefined;
    return node.attrs.role === 'optimizer' ? slot : undefined;
  };
}
