import { type OnnxModel, TENSOR_TYPES } from '../schema.js';
import { refuse } from './tensors.js';
import { IMAGE_PLACES, identity, type Operand, type Value } from './values.js';

const MOST_CHANNELS = 4;

/** The one input that is no weight, as an image. */
export function inputOf(
  model: OnnxModel,
  constants: ReadonlyMap<string, Operand>,
): { readonly name: string; readonly value: Value; readonly isBytes: boolean } {
  const inputs = (model.graph?.input ?? []).filter(({ name }) => !constants.has(name ?? ''));
  const [input] = inputs;
  if (input === undefined || inputs.length > 1) return refuse(`it has ${inputs.length} inputs, and a model of ampc has one image`);
  const { elemType, shape } = input.type?.tensorType ?? {};
  const sizes = (shape?.dim ?? []).map(({ dimValue }) => dimValue ?? 0);
  const [batch = 0, ...inner] = sizes;
  if (inner.length !== 3 || inner.some((size) => size < 1))
    return refuse(`its input ${input.name} is [${sizes.map((size) => size || '?').join(', ')}], not images of one size`);
  const isFirst = inner[0]! <= MOST_CHANNELS;
  if (!isFirst && inner[2]! > MOST_CHANNELS)
    return refuse(`its input ${input.name} has neither first nor last 1 to ${MOST_CHANNELS} channels`);
  const isBytes = elemType === TENSOR_TYPES.uint8;
  const value: Value = {
    kind: 'value',
    id: 0,
    shape: [batch || 1, ...inner],
    places: isFirst ? IMAGE_PLACES : identity(4),
    pixels: { scale: [1], shift: [0] },
  };
  return { name: input.name ?? '', value, isBytes };
}
