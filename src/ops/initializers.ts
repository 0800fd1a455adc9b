import type { Shape } from '../ir/types.js';
import { elementCount } from '../ir/types.js';
import type { ArgValue, LayerParam } from './layer.js';
import { constrain } from './op.js';
import { type Initializer, isDrawn, type StateInit } from './state-init.js';
import { formatShape } from './window.js';

interface InitializerDefinition {
  readonly doc: string;
  readonly params: readonly LayerParam[];
  readonly make: (args: Readonly<Record<string, ArgValue>>) => Initializer;
}

/** Inputs and outputs of one element of a weight [..., in, out]: convolutions count each place of their window. */
function fans(shape: Shape): { readonly fanIn: number; readonly fanOut: number } {
  constrain(shape.length >= 2, 'init_c1', () => `${formatShape(shape)} has no inputs and outputs`);
  const [inputs, outputs] = shape.slice(-2);
  const window = elementCount(shape.slice(0, -2));
  return { fanIn: window * inputs, fanOut: window * outputs };
}

const spread = (std: number, isUniform: boolean): StateInit =>
  isUniform ? { kind: 'uniform', bound: Math.sqrt(3) * std } : { kind: 'normal', std };

const POSITIVE = { min: 0, max: 1e6 } as const;
const GAIN: LayerParam = { name: 'gain', kind: 'number', ...POSITIVE, default: 1, doc: 'factor on the standard deviation' };

function kaiming(isUniform: boolean): InitializerDefinition {
  const spreads = isUniform ? 'Uniform' : 'Normal';
  return {
    doc: `${spreads} with the standard deviation gain / sqrt(fan in) (He et al. 2015); the gain of relu is the square root of 2.`,
    params: [
      { ...GAIN, default: Math.SQRT2 },
      { name: 'fan_out', kind: 'boolean', default: false, doc: 'take the fan out in place of the fan in' },
    ],
    make: (args) => (shape) => {
      const { fanIn, fanOut } = fans(shape);
      return spread((args.gain as number) / Math.sqrt(args.fan_out === true ? fanOut : fanIn), isUniform);
    },
  };
}

function xavier(isUniform: boolean): InitializerDefinition {
  const spreads = isUniform ? 'Uniform' : 'Normal';
  return {
    doc: `${spreads} with the standard deviation gain * sqrt(2 / (fan in + fan out)) (Glorot and Bengio 2010).`,
    params: [GAIN],
    make: (args) => (shape) => {
      const { fanIn, fanOut } = fans(shape);
      return spread((args.gain as number) * Math.sqrt(2 / (fanIn + fanOut)), isUniform);
    },
  };
}

function constant(doc: string, value: number): InitializerDefinition {
  return { doc, params: [], make: () => () => ({ kind: 'constant', value }) };
}

const STD: LayerParam = { name: 'std', kind: 'number', ...POSITIVE, default: 1, doc: 'standard deviation' };

/** What a file can say of how weights start, with the names, meanings and defaults of PyTorch's `torch.nn.init`. */
export const INITIALIZERS: Readonly<Record<string, InitializerDefinition>> = {
  zeros: constant('All 0.', 0),
  ones: constant('All 1.', 1),
  constant: {
    doc: 'All the same number.',
    params: [{ name: 'value', kind: 'number', doc: 'the number' }],
    make:
      ({ value }) =>
      () => ({ kind: 'constant', value: value as number }),
  },
  uniform: {
    doc: 'Uniform from -bound to bound.',
    params: [{ name: 'bound', kind: 'number', ...POSITIVE, doc: 'largest magnitude' }],
    make:
      ({ bound }) =>
      () => ({ kind: 'uniform', bound: bound as number }),
  },
  normal: {
    doc: 'Normal with mean 0.',
    params: [STD],
    make:
      ({ std }) =>
      () => ({ kind: 'normal', std: std as number }),
  },
  truncated_normal: {
    doc: 'Normal with mean 0, drawn again while beyond the limit.',
    params: [STD, { name: 'limit', kind: 'number', min: 1e-6, max: 1e6, default: 2, doc: 'largest magnitude; not in standard deviations' }],
    make:
      ({ std, limit }) =>
      () => ({ kind: 'truncated_normal', std: std as number, limit: limit as number }),
  },
  kaiming_uniform: kaiming(true),
  kaiming_normal: kaiming(false),
  xavier_uniform: xavier(true),
  xavier_normal: xavier(false),
  orthogonal: {
    doc: 'Orthonormal rows or columns, whichever are fewer, of the matrix of all inputs by outputs (Saxe et al. 2014).',
    params: [{ ...GAIN, doc: 'factor on the matrix' }],
    make:
      ({ gain }) =>
      (shape) => {
        fans(shape);
        return { kind: 'orthogonal', gain: gain as number };
      },
  },
  dirac: {
    doc: 'Passes each channel on as it is: 1 in the middle of its window, all else 0. Outputs beyond the inputs start as `rest` says.',
    params: [
      { name: 'groups', kind: 'int', min: 1, default: 1, doc: 'of channels, each passed on to its own' },
      { name: 'rest', kind: 'init', default: 'zeros', doc: 'how outputs start that pass nothing on' },
    ],
    make:
      ({ groups, rest }) =>
      (shape) => {
        fans(shape);
        const outputs = shape[shape.length - 1];
        constrain(outputs % (groups as number) === 0, 'init_c2', () => `${groups} groups do not divide ${outputs} outputs`);
        const others: StateInit = typeof rest === 'function' ? rest(shape) : { kind: 'constant', value: 0 };
        constrain(isDrawn(others), 'init_c3', () => `the \`rest\` of \`dirac\` cannot be \`${others.kind}\`, which is of the whole weight`);
        return { kind: 'dirac', groups: groups as number, rest: others };
      },
  },
  whiten: {
    doc: 'Filters of a convolution of the images that make their patches white: see below.',
    params: [
      { name: 'eps', kind: 'number', above: 0, max: 1e6, default: 5e-4, doc: 'added to the variance along each direction' },
      { name: 'images', kind: 'int', min: 1, default: 5000, doc: 'how many training images are looked at, the first ones' },
    ],
    make:
      ({ eps, images }) =>
      (shape) => {
        constrain(shape.length === 4, 'init_c4', () => `\`whiten\` is for the weight of a convolution, not for ${formatShape(shape)}`);
        const [rows, columns, channels, filters] = shape as readonly [number, number, number, number];
        const size = rows * columns * channels;
        constrain(
          filters === 2 * size,
          'init_c5',
          () =>
            `\`whiten\` makes ${2 * size} filters, 2 for each of the ${rows} x ${columns} x ${channels} numbers of a patch, not ${filters}`,
        );
        return { kind: 'whiten', eps: eps as number, images: images as number };
      },
  },
};

/** The argument of layers that have a weight. Without it the weight starts as the layer says. */
export const INIT: LayerParam = { name: 'init', kind: 'init', default: 'default', doc: 'how the weight starts' };

/** What a name alone stands for, such as `zeros`: an initializer with its defaults. Undefined where it has none. */
export function initializerNamed(name: string): Initializer | undefined {
  const definition = Object.hasOwn(INITIALIZERS, name) ? INITIALIZERS[name] : undefined;
  if (definition === undefined || definition.params.some((param) => param.default === undefined)) return undefined;
  return definition.make(Object.fromEntries(definition.params.map((param) => [param.name, param.default as ArgValue])));
}
