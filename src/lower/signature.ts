import type { LayerDefinition, LayerParam } from '../ops/layer.js';
import type { BlockSection } from '../parser/ast.js';
import type { Signature } from './bind.js';

/** Values that a layer of two joins one after the other. */
const MAX_FOLDED = 64;

const cache = new WeakMap<LayerDefinition, Signature>();

/** What a call may give of `params`. */
export function signatureParams(params: readonly LayerParam[]): Signature['params'] {
  return params.map((param) => ({ name: param.name, doc: param.doc, required: param.default === undefined }));
}

export function layerSignature(name: string, layer: LayerDefinition): Signature {
  const known = cache.get(layer);
  if (known !== undefined) return known;
  const params = signatureParams(layer.params);
  const values = layer.values && { max: layer.folds === true ? MAX_FOLDED : layer.values.max };
  const signature = { name, params, ...(values && { values }), example: layer.example };
  cache.set(layer, signature);
  return signature;
}

/** A block's first parameter is the piped value; the others are arguments of its calls. */
export function blockSignature(block: BlockSection): Signature {
  const params = block.params.slice(1).map((param) => ({ name: param.name.text, required: param.default === undefined }));
  return { name: block.name.text, params };
}
