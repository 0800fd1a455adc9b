import { userError } from '../../diagnostics/diagnostic.js';
import { encodeModel } from '../../interchange/onnx/schema.js';
import type { Graph } from '../../ir/types.js';
import { byteLength } from '../../ir/types.js';
import type { ModelFacts } from '../facts.js';
import { type ImageForm, refusedOps } from './graph.js';
import { onnxModel } from './model.js';

/** What one message can hold. */
const LARGEST = 2 ** 31 - 1;

/** Throws UserError AMP6401 for ops that ONNX has no form of, and AMP6402 for a model too large for one file. */
export function exportOnnx(graph: Graph, states: ReadonlyMap<string, Float32Array>, facts: ModelFacts, image: ImageForm): Uint8Array {
  const refused = refusedOps(graph);
  if (refused.length > 0)
    throw userError(
      'AMP6401',
      `${facts.model} cannot be exported to ONNX`,
      refused.map(({ op, why }) => `${op}: ${why}`).join('; '),
      'change those layers, or export it with --to torch or --to c',
    );
  const bytes = [...states.values()].reduce((sum, { length }) => sum + byteLength({ dtype: 'f32', shape: [length] }), 0);
  if (bytes > LARGEST)
    throw userError(
      'AMP6402',
      `${facts.model} is too large for an ONNX file`,
      `its weights take ${bytes} bytes, and one file holds less than 2 GiB`,
      'export it with --to torch or --to c',
    );
  return encodeModel(onnxModel(graph, states, facts, image));
}
