import { suggestName } from '../diagnostics/fixes.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import type { LayerDefinition } from '../ops/layer.js';
import type { BlockSection, Name } from '../parser/ast.js';
import type { Signature } from './bind.js';
import { findLayer, LAYERS } from './layers.js';
import { blockSignature, layerSignature } from './signature.js';

/** What a stage of a pipeline applies. */
export type Callee =
  | { readonly kind: 'block'; readonly block: BlockSection }
  | { readonly kind: 'layer'; readonly name: string; readonly layer: LayerDefinition };

export function findCallee(name: string, blocks: ReadonlyMap<string, BlockSection>): Callee | undefined {
  const block = blocks.get(name);
  if (block !== undefined) return { kind: 'block', block };
  const layer = findLayer(name);
  return layer && { kind: 'layer', name, layer };
}

export function signatureOf(callee: Callee): Signature {
  return callee.kind === 'block' ? blockSignature(callee.block) : layerSignature(callee.name, callee.layer);
}

/** What may stand behind `|>` in blocks that are being expanded or read: not these blocks themselves. */
export function calleeNames(blocks: ReadonlyMap<string, BlockSection>, within: readonly string[]): readonly string[] {
  return [...[...blocks.keys()].filter((name) => !within.includes(name)), ...Object.keys(LAYERS)];
}

/** Layers that others have and the language has not: why, and what takes their place. */
const ELSEWHERE: ReadonlyMap<string, { readonly why: string; readonly fix: string }> = new Map([
  [
    'embedding',
    {
      why: 'no input of a model holds whole numbers whose rows could be looked up',
      fix: 'write the table as `param([rows, features]) as NAME`; `slice` takes rows of it, and `add` adds it to a sequence',
    },
  ],
]);

export function reportUnknownLayer(callee: Name, names: readonly string[], sink: DiagnosticSink): void {
  if (callee.text === '' || sink.isFull) return;
  const instead = ELSEWHERE.get(callee.text.toLowerCase());
  if (instead !== undefined && !names.includes(callee.text)) {
    sink.error('AMP2001', callee.span, `there is no layer \`${callee.text}\``, instead);
    return;
  }
  sink.error('AMP2001', callee.span, `unknown layer \`${callee.text}\``, {
    why: 'a stage of a pipeline is a layer of the language or a `block` of the file',
    ...suggestName(callee, names, 'layers'),
  });
}
