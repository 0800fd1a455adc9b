import { type OnnxModel, type OnnxValueInfo, TENSOR_TYPES } from '../schema.js';
import { refuse } from './tensors.js';
import { IMAGE_PLACES, identity, type Value } from './values.js';

const MOST_CHANNELS = 4;

/** What a model of ampc takes besides its image has so many axes at most. */
const MOST_AXES = 3;

interface Image {
  readonly name: string;
  readonly value: Value;
  readonly isBytes: boolean;
}

/** Numbers of each image besides its pixels: the shape as the model has it, the batch included. */
interface Further {
  readonly name: string;
  readonly shape: readonly number[];
}

const sizesOf = ({ type }: OnnxValueInfo): readonly number[] => (type?.tensorType?.shape?.dim ?? []).map(({ dimValue }) => dimValue ?? 0);

const shown = (input: OnnxValueInfo): string =>
  `its input ${input.name} is [${sizesOf(input)
    .map((size) => size || '?')
    .join(', ')}]`;

function channelsAre([, ...inner]: readonly number[]): 'first' | 'last' | undefined {
  if (inner.length !== 3 || inner.some((size) => size < 1)) return undefined;
  if (inner[0]! <= MOST_CHANNELS) return 'first';
  return inner[2]! <= MOST_CHANNELS ? 'last' : undefined;
}

function imageOf(input: OnnxValueInfo, open: number): Image {
  const sizes = sizesOf(input);
  const [batch = 0, ...inner] = sizes;
  if (inner.length !== 3 || inner.some((size) => size < 1)) return refuse(`${shown(input)}, not images of one size`);
  const channels = channelsAre(sizes) ?? refuse(`its input ${input.name} has neither first nor last 1 to ${MOST_CHANNELS} channels`);
  const value: Value = {
    kind: 'value',
    id: 0,
    shape: [batch || open, ...inner],
    places: channels === 'first' ? IMAGE_PLACES : identity(4),
    pixels: { scale: [1], shift: [0] },
  };
  return { name: input.name ?? '', value, isBytes: input.type?.tensorType?.elemType === TENSOR_TYPES.uint8 };
}

function furtherOf(input: OnnxValueInfo, open: number): Further {
  const [batch = 0, ...inner] = sizesOf(input);
  if (inner.length === 0 || inner.length > MOST_AXES || inner.some((size) => size < 1))
    return refuse(`${shown(input)}, and what a model of ampc takes besides its image has one to ${MOST_AXES} axes of known size`);
  if (input.type?.tensorType?.elemType !== TENSOR_TYPES.float)
    return refuse(`its input ${input.name} is not in f32, as what a model of ampc takes besides its image is`);
  return { name: input.name ?? '', shape: [batch || open, ...inner] };
}

/** Of the inputs that are read and no weights: the first that can be images, and all others. `open`: the size of a batch of any size. */
export function inputsOf(
  { graph }: OnnxModel,
  open: number,
  isRead: (name: string) => boolean,
): { readonly image: Image; readonly further: readonly Further[] } {
  const inputs = (graph?.input ?? []).filter(({ name }) => isRead(name ?? ''));
  if (inputs.length === 0) return refuse('it has no input, and a model of ampc has an image');
  const image = inputs.find((input) => channelsAre(sizesOf(input)) !== undefined) ?? inputs[0]!;
  const further = inputs.filter((input) => input !== image);
  return { image: imageOf(image, open), further: further.map((input) => furtherOf(input, open)) };
}
