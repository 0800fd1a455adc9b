import type { OpName } from '../../ir/op-names.js';
import { type Refusal, TRAINING_ONLY } from '../refusal.js';
import type { Emitter } from './context.js';
import { contractionEmitters } from './contraction.js';
import { elementwiseEmitters } from './elementwise.js';
import { type ImageType, normalizeOf, normEmitters } from './norm.js';
import { poolEmitters } from './pool.js';
import { rowEmitters } from './rows.js';
import { shapeEmitters } from './shape.js';

/** Nodes that are no operators: the graph's input and what is known of it. */
const SOURCES = ['input', 'state', 'constant'] as const satisfies readonly OpName[];
type Source = (typeof SOURCES)[number];

/** Every op that an evaluation can have as operators of ONNX, for images of a type; the others are refused. */
export function emittersFor(image: ImageType) {
  return {
    normalize: normalizeOf(image),
    ...contractionEmitters,
    ...poolEmitters,
    ...normEmitters,
    ...elementwiseEmitters,
    ...shapeEmitters,
    ...rowEmitters,
    ...TRAINING_ONLY,
  } as const satisfies Readonly<Record<Exclude<OpName, Source>, Emitter | Refusal>>;
}
