import { refuse } from './tensors.js';
import { ampcShape, IMAGE_PLACES, identity, product, samePlaces, type Value } from './values.js';

/** One layer of the `.amp` file, applied to a value. */
export interface Stage {
  readonly id: number;
  /** The value that is piped in; undefined for a learned one by itself, and for an input of the model, whose name `layer` is. */
  readonly input: number | undefined;
  /** Values among its arguments, where `args` has `%`. */
  readonly others: readonly number[];
  readonly layer: string;
  /** As written, `%` for each of `others`. */
  args: readonly string[];
  readonly label: string | undefined;
  /** The shape of its result in ampc, the batch included. */
  readonly sizes: readonly number[];
}

export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The text of a number that reads back as the same f32. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return refuse(`it has the number ${value}`);
  for (let digits = 1; digits < 9; digits += 1) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === Math.fround(value)) return String(text);
  }
  return String(value);
}

export const listText = (numbers: readonly number[]): string => `[${numbers.map(numberText).join(', ')}]`;

/** One number for both directions, or the pair. */
export const pairText = ([rows, columns]: readonly number[]): string => (rows === columns ? String(rows) : `[${rows}, ${columns}]`);

/** Words of the language, and names that values of the file have. */
const TAKEN = [
  'image',
  'model',
  'block',
  'let',
  'if',
  'else',
  'repeat',
  'collect',
  'share',
  'dataset',
  'train',
  'precision',
  'use',
  'in',
  'as',
];

/** Collects the layers and weights of a `.amp` file. */
export class AmpBuilder {
  readonly stages: Stage[] = [];
  /** Names of what the model takes besides the image, by the number of the value. */
  readonly inputs = new Map<number, string>();
  readonly weights = new Map<string, Weight>();
  private readonly labels = new Set<string>(TAKEN);

  isTaken(name: string): boolean {
    return this.labels.has(name);
  }

  /** A name for a layer: that of its weight in the model where it says anything, else that of the layer and a number. */
  label(weight: string | undefined, layer: string): string {
    const words = (weight ?? '').replace(/\.(weight|bias|running_mean|running_var|gamma|beta|scale)$/, '');
    const clean = words.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_+|_+$/g, '');
    const says = /^[A-Za-z]/.test(clean) && !/^(onnx|val|node|tensor)_/i.test(clean) && !words.includes('::');
    const base = says ? clean : layer.replace(/\d?d?$/, '');
    let name = says && !this.labels.has(base) ? base : '';
    for (let count = 1; name === ''; count += 1) if (!this.labels.has(`${base}_${count}`)) name = `${base}_${count}`;
    this.labels.add(name);
    return name;
  }

  /** What the model takes besides the image, and what it is called in the file. */
  input(name: string, shape: readonly number[]): { readonly name: string; readonly value: Value } {
    const label = this.label(name, 'input');
    const id = this.stages.length + 1;
    this.stages.push({ id, input: undefined, others: [], layer: label, args: [], label: undefined, sizes: shape });
    this.inputs.set(id, label);
    return { name: label, value: { kind: 'value', id, shape, places: identity(shape.length) } };
  }

  /** The value that a layer makes of another; places and shape are the input's where they are not given. */
  stage(
    input: Value | undefined,
    layer: string,
    args: readonly string[],
    result: Pick<Value, 'shape' | 'places' | 'flat'>,
    { others = [], label }: { readonly others?: readonly Value[]; readonly label?: string } = {},
  ): Value {
    const id = this.stages.length + 1;
    const sizes = ampcShape(result);
    this.stages.push({ id, input: input?.id, others: others.map((other) => other.id), layer, args, label, sizes });
    const { shape, places, flat } = result;
    return { kind: 'value', id, shape, places, ...(flat !== undefined && { flat }) };
  }

  /** A layer that keeps shape and order of axes. */
  same(input: Value, layer: string, args: readonly string[] = []): Value {
    return this.stage(input, layer, args, input);
  }

  weight(label: string, name: string, shape: readonly number[], data: ArrayLike<number>): void {
    this.weights.set(`${label}.${name}`, { shape, data: data instanceof Float32Array ? data : Float32Array.from(data) });
  }

  /** A learned value, of ampc's shape without the batch. */
  learned(name: string | undefined, shape: readonly number[], data: Float32Array, result: Pick<Value, 'shape' | 'places'>): Value {
    const label = this.label(name, 'constant');
    this.weights.set(label, { shape, data });
    return this.stage(undefined, 'param', [listText(shape), 'init: zeros'], result, { label });
  }

  /** The layer that made a value. */
  made(value: Value): Stage | undefined {
    return this.stages[value.id - 1];
  }

  /** The value with its axes in an order of ampc: `axes` names those of ONNX, the batch first. */
  ordered(value: Value, axes: readonly number[]): Value {
    const whole = this.withAllAxes(value);
    const order = axes.map((axis) => whole.places[axis]!);
    const places = whole.shape.map((_, axis) => axes.indexOf(axis));
    if (samePlaces(places, whole.places)) return whole;
    return this.stage(
      whole,
      'transpose',
      [
        `[${order
          .slice(1)
          .map((place) => place - 1)
          .join(', ')}]`,
      ],
      { shape: whole.shape, places },
    );
  }

  /** An image, channels last. */
  image(value: Value): Value {
    if (value.shape.length !== 4) return refuse(`it takes an image, and has [${value.shape.slice(1).join(', ')}]`);
    return samePlaces(value.places, IMAGE_PLACES) ? value : this.ordered(value, [0, 2, 3, 1]);
  }

  /** The value with ampc's axes in the order of ONNX. */
  plain(value: Value): Value {
    if (value.flat !== undefined) {
      const [height, width, channels] = value.flat;
      const shape = [value.shape[0]!, channels, height, width];
      const image = this.stage(value, 'reshape', [`[${value.flat.join(', ')}]`], { shape, places: IMAGE_PLACES });
      return this.stage(this.ordered(image, identity(4)), 'flatten', [], { shape: value.shape, places: identity(2) });
    }
    return samePlaces(value.places, identity(value.shape.length)) ? value : this.ordered(value, identity(value.shape.length));
  }

  /** Brings the axes of size 1 back that ampc's value does not have: behind the batch. */
  private withAllAxes(value: Value): Value {
    const absent = value.places.flatMap((place, axis) => (place < 0 ? [axis] : []));
    if (absent.length === 0) return value;
    const places = value.places.map((place, axis) => (place < 0 ? 1 + absent.indexOf(axis) : place === 0 ? 0 : place + absent.length));
    const sizes = [...absent.map(() => 1), ...ampcShape(value).slice(1)];
    return this.stage(value, 'reshape', [`[${sizes.join(', ')}]`], { shape: value.shape, places });
  }

  /** The same elements under another shape of ONNX. */
  reshaped(value: Value, shape: readonly number[]): Value {
    const from = this.plain(value);
    if (product(from.shape.slice(1)) !== product(shape.slice(1))) return refuse('it changes the batch');
    const sizes = shape.slice(1);
    const result = { shape, places: identity(shape.length) };
    return sizes.length === 1 ? this.stage(from, 'flatten', [], result) : this.stage(from, 'reshape', [`[${sizes.join(', ')}]`], result);
  }
}
