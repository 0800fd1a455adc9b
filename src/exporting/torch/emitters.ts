import type { OpName } from '../../ir/op-names.js';
import { type Refusal, TRAINING_ONLY } from '../refusal.js';
import type { TorchEmitter } from './context.js';
import { elementwiseEmitters } from './elementwise.js';
import { weightedEmitters } from './layers.js';
import { poolEmitters } from './pool.js';
import { shapeEmitters } from './shape.js';

/** Nodes that are no expressions: the image, parameters, and numbers that are known. */
type Source = 'input' | 'state' | 'constant';

/** Bytes of an image, channels first, as the module keeps mean and deviation. */
const normalize: TorchEmitter = (context) => ({
  text: `(${context.operand(0, 'first')}.float() / 255 - self.mean) / self.std`,
  order: 'first',
});

/** Every op that an evaluation can have as PyTorch has it; the others are refused. */
export const TORCH_OPS = {
  normalize,
  ...weightedEmitters,
  ...poolEmitters,
  ...elementwiseEmitters,
  ...shapeEmitters,
  ...TRAINING_ONLY,
} as const satisfies Readonly<Record<Exclude<OpName, Source>, TorchEmitter | Refusal>>;
