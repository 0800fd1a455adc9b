import type { Attrs, Shape, TensorType } from '../ir/types.js';
import { elementCount, numbersAttr } from '../ir/types.js';
import { elements, sameShapes } from './constraints.js';
import { constrain, type OpDefinition, type SampleRandom } from './op.js';
import { f32, sampleShape } from './sample.js';
import { formatShape } from './window.js';

/** A tensor along some neighbouring axes: elements before them, along them, and behind them. */
export interface AxesSizes {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/** The sizes of `shape` along the attribute `axes`, which follow one another. */
export function axesSizes(shape: Shape, attrs: Attrs): AxesSizes {
  const axes = numbersAttr(attrs, 'axes');
  const [first, end] = [axes[0]!, axes.at(-1)! + 1];
  return {
    outer: elementCount(shape.slice(0, first)),
    length: elementCount(shape.slice(first, end)),
    inner: elementCount(shape.slice(end)),
  };
}

/** The shape without the axes, or with sizes 1 there. */
function reducedShape(shape: Shape, axes: readonly number[], keep: boolean): readonly number[] {
  return keep ? shape.map((size, axis) => (axes.includes(axis) ? 1 : size)) : shape.filter((_, axis) => !axes.includes(axis));
}

const AXES = { axes: { kind: 'numbers', doc: 'from 0, one after the other' } } as const satisfies OpDefinition['attrs'];
const REDUCED = { ...AXES, keep: { kind: 'boolean', doc: 'whether the axes stay, with size 1' } } as const satisfies OpDefinition['attrs'];

function checkedAxes(label: string, shape: Shape, attrs: Attrs): readonly number[] {
  const axes = numbersAttr(attrs, 'axes');
  const follow = axes.length > 0 && axes.every((axis, i) => axis === axes[0]! + i);
  constrain(
    follow && axes[0]! >= 0 && axes.at(-1)! < shape.length,
    label,
    () => `the axes ${formatShape(axes)} are not axes of ${formatShape(shape)} that follow one another`,
  );
  return axes;
}

/** Constraint `label`: what was reduced along the axes of `x` has so many elements. */
function isReduced(label: string, name: string, type: TensorType, x: Shape, axes: readonly number[]): void {
  const reduced = reducedShape(x, axes, false);
  constrain(
    elements(type) === elementCount(reduced),
    label,
    () => `${name} must be ${formatShape(reduced)}, not ${formatShape(type.shape)}`,
  );
}

/** A tensor, and axes of it, of which one is left where nothing stays in their place. */
function sampleReduction(random: SampleRandom): { readonly x: TensorType; readonly attrs: Attrs } {
  const shape = sampleShape(random);
  const first = random.int(0, shape.length - 1);
  const end = random.int(first + 1, shape.length);
  const keep = end - first === shape.length || random.pick([true, false]);
  return { x: f32(...shape), attrs: { axes: Array.from({ length: end - first }, (_, i) => first + i), keep } };
}

function reducedType(x: TensorType, attrs: Attrs): TensorType {
  return f32(...reducedShape(x.shape, numbersAttr(attrs, 'axes'), attrs.keep === true));
}

interface Described {
  readonly doc: string;
  readonly precision: OpDefinition['precision'];
  readonly traits?: Pick<OpDefinition, 'selects'>;
  readonly gradient: OpDefinition['gradient'];
}

function reduction(name: 'sum' | 'mean' | 'max', { doc, precision, traits, gradient }: Described): OpDefinition<'axes'> {
  const label = `${name}_c1`;
  return {
    doc,
    kind: 'axes',
    ...traits,
    constraints: { [label]: 'the axes are axes of x that follow one another' },
    operands: [{ name: 'x', format: 'class' }],
    attrs: REDUCED,
    precision,
    result: 'class',
    shape: ([x], attrs) => reducedShape(x.shape, checkedAxes(label, x.shape, attrs), attrs.keep === true),
    gradient,
    flops: ([x]) => elements(x),
    sample: (random) => {
      const { x, attrs } = sampleReduction(random);
      return { types: [x], attrs };
    },
  };
}

/** y[o, i] = sum over l of x[o, l, i]. */
export const sum = reduction('sum', {
  doc: 'Sum over some axes.',
  precision: 'full',
  gradient: ({ node, dy, emit, builder }) => {
    const { shape } = builder.type(node.inputs[0]);
    const kept = reducedShape(shape, numbersAttr(node.attrs, 'axes'), true);
    return [emit('broadcast', [emit('reshape', [dy], { shape: kept }, undefined)], { shape }, 0)];
  },
});

/** y[o, i] = mean over l of x[o, l, i]. It does not overflow where the sum would. */
export const mean = reduction('mean', {
  doc: 'Mean over some axes; finite where all elements are, however large their sum.',
  precision: 'follow',
  gradient: ({ node, dy, emit, builder }) => {
    const { shape } = builder.type(node.inputs[0]);
    return [emit('mean_grad', [dy], { axes: numbersAttr(node.attrs, 'axes'), shape }, 0)];
  },
});

/** y[o, i] = the largest x[o, l, i] along l; NaN where there is one. */
export const max = reduction('max', {
  doc: 'The largest element along some axes, or NaN where there is one; its gradient is shared evenly by equal ones (torch.amax).',
  precision: 'follow',
  traits: { selects: true },
  gradient: ({ node, dy, emit }) => {
    const { keep: _, ...attrs } = node.attrs;
    const [x] = node.inputs;
    return [emit('max_grad', [dy, x, node.id, emit('max_ties', [x, node.id], node.attrs, undefined)], attrs, 0)];
  },
});

/** How many of x[o, l, i] along l equal y[o, i]. */
export const maxTies: OpDefinition<'axes'> = {
  doc: 'How many elements along some axes are equal to the largest.',
  kind: 'axes',
  constraints: {
    max_ties_c1: 'the axes are axes of x that follow one another',
    max_ties_c2: 'y has an element for each place along the other axes',
  },
  operands: [
    { name: 'x', format: 'class' },
    { name: 'y', format: 'class' },
  ],
  attrs: REDUCED,
  precision: 'follow',
  result: 'f32',
  shape: ([x, y], attrs) => {
    const axes = checkedAxes('max_ties_c1', x.shape, attrs);
    isReduced('max_ties_c2', 'y', y, x.shape, axes);
    return reducedShape(x.shape, axes, attrs.keep === true);
  },
  gradient: 'none',
  flops: ([x]) => elements(x),
  sample: (random) => {
    const { x, attrs } = sampleReduction(random);
    return { types: [x, reducedType(x, attrs)], attrs };
  },
};

/** dx[o, l, i] = dy[o, i] / length. */
export const meanGrad: OpDefinition<'pool'> = {
  doc: 'Gradient of mean: dy spread evenly along the axes.',
  kind: 'pool',
  gradientOf: { op: 'mean', operand: 'x' },
  constraints: {
    mean_grad_c1: 'the axes are axes of the shape that follow one another',
    mean_grad_c2: 'dy has an element for each place along the other axes',
  },
  operands: [{ name: 'dy', format: 'class' }],
  attrs: { ...AXES, shape: { kind: 'numbers', doc: 'of x' } },
  precision: 'follow',
  result: 'class',
  shape: ([dy], attrs) => {
    const shape = numbersAttr(attrs, 'shape');
    isReduced('mean_grad_c2', 'dy', dy, shape, checkedAxes('mean_grad_c1', shape, attrs));
    return shape;
  },
  gradient: 'none',
  sample: (random) => {
    const { x, attrs } = sampleReduction(random);
    return { types: [reducedType(x, attrs)], attrs: { axes: numbersAttr(attrs, 'axes'), shape: x.shape } };
  },
};

/** dx[o, l, i] = dy[o, i] / ties[o, i] where x[o, l, i] = y[o, i], else 0. */
export const maxGrad: OpDefinition<'pool'> = {
  doc: 'Gradient of max: dy shared evenly by the elements that are equal to the largest.',
  kind: 'pool',
  gradientOf: { op: 'max', operand: 'x' },
  constraints: {
    max_grad_c1: 'the axes are axes of x that follow one another',
    max_grad_c2: 'dy, y and ties have an element for each place along the other axes',
    max_grad_c3: 'dy, y and ties have the same shape',
  },
  operands: [
    { name: 'dy', format: 'class' },
    { name: 'x', format: 'class' },
    { name: 'y', format: 'class' },
    { name: 'ties', format: 'f32' },
  ],
  attrs: AXES,
  precision: 'follow',
  result: 'class',
  shape: ([dy, x, y, ties], attrs) => {
    isReduced('max_grad_c2', 'dy', dy, x.shape, checkedAxes('max_grad_c1', x.shape, attrs));
    sameShapes('max_grad_c3', dy, y, ties);
    return x.shape;
  },
  gradient: 'none',
  flops: ([, x]) => 2 * elements(x),
  sample: (random) => {
    const { x, attrs } = sampleReduction(random);
    const reduced = reducedType(x, attrs);
    return {
      types: [reduced, x, reduced, reduced],
      attrs: { axes: numbersAttr(attrs, 'axes') },
      domains: [undefined, undefined, undefined, { low: 1, high: 3 }],
    };
  },
};
