import { userError } from '../diagnostics/diagnostic.js';
import { matchesLayer } from '../ir/pattern.js';
import { type Pin, pinWhy } from '../ir/pin.js';
import type { Graph, Node } from '../ir/types.js';
import { formatWhy } from '../ir/why.js';
import { isOpName, type OpName, opDefinition } from '../ops/index.js';

/** The forward op that an op belongs to: itself, unless it is one of the backward pass. */
export function forwardOp(op: OpName): OpName {
  return opDefinition(op).gradientOf?.op ?? op;
}

/**
 * The pin that names the node's op or layer; the last one written wins. The step's own bookkeeping, which has no layer, keeps its formats.
 */
export function findPin(node: Node, pins: readonly Pin[]): Pin | undefined {
  if (node.layer === '') return undefined;
  return pins.findLast((pin) => forwardOp(node.op) === pin.pattern || matchesLayer(pin.pattern, node.layer));
}

/** Refuses a pin that names neither an op of the table nor a layer of the training step: it would protect nothing. Throws UserError. */
export function checkPins(graph: Graph, pins: readonly Pin[]): void {
  const layers = [...new Set(graph.nodes.map((node) => node.layer).filter((layer) => layer !== ''))];
  for (const pin of pins) {
    if (isOpName(pin.pattern) || layers.some((layer) => matchesLayer(pin.pattern, layer))) continue;
    throw userError(
      'AMP4101',
      pin.origin.kind === 'file'
        ? `\`keep ${pin.pattern}\` on line ${pin.origin.line} matches no op and no layer`
        : `a pin of ${pin.pattern} matches no op and no layer (${formatWhy(pinWhy(pin))})`,
      'a pin that matches nothing would silently protect nothing',
      `name an op such as cross_entropy, or one of the layers: ${layers.slice(0, 12).join(', ')}`,
    );
  }
}
