import type { OpName } from '../ir/op-names.js';
import type { Attrs } from '../ir/types.js';
import { elements, sameShapes } from './constraints.js';
import type { OpDefinition, SampleRandom, ValueDomain } from './op.js';
import { f32, sampleShape } from './sample.js';
import type { OpTraits } from './traits.js';

/** An op whose gradient op is named after it. */
export type Paired = { [Name in OpName]: `${Name}_grad` extends OpName ? Name : never }[OpName];

/** By op and by gradient op. */
export type Pair<Name extends Paired, T> = Readonly<Record<Name | `${Name}_grad`, T>>;

/** A table by op of what it has and what its gradient op has, as one table of both. */
export function pairs<Name extends Paired, T>(table: Readonly<Record<Name, readonly [op: T, gradient: T]>>): Pair<Name, T> {
  const both = Object.entries<readonly [T, T]>(table).flatMap(([name, [op, gradient]]) => [
    [name, op],
    [`${name}_grad`, gradient],
  ]);
  return Object.fromEntries(both) as Pair<Name, T>;
}

/** What sets an op of one operand x, with the result y, apart from others of its kind. */
export interface UnarySpec {
  readonly doc: string;
  /** Formula of the gradient op. */
  readonly slope: string;
  /** What the gradient op takes beside dy: the operand, or the result. */
  readonly reads: 'x' | 'y';
  /** Where exponentials and logarithms need the range of f32, `full`, as under PyTorch's autocast; by default `follow`. */
  readonly precision?: 'follow' | 'full';
  readonly attrs?: OpDefinition['attrs'];
  readonly sampleAttrs?: (random: SampleRandom) => Attrs;
  /** Of sampled operands; by default -3..3. */
  readonly domain?: ValueDomain;
  /** Of what the gradient op reads, in its samples; by default as `domain`. */
  readonly read?: ValueDomain;
  /** Operations for an element, of the op and of its gradient; by default 1. */
  readonly cost?: readonly [op: number, gradient: number];
  readonly traits?: OpTraits;
}

type Elementwise = OpDefinition<'elementwise'>;

/** An op of one operand, and its gradient op, which takes dy and the operand or the result. */
export function unary<const Name extends Paired>(name: Name, spec: UnarySpec): Pair<Name, Elementwise> {
  const { doc, slope, reads, precision = 'follow', attrs = {}, sampleAttrs = () => ({}), traits = {} } = spec;
  const { domain = { low: -3, high: 3 }, read = domain, cost = [1, 1] } = spec;
  const gradientName = `${name}_grad` as OpName;
  const label = `${gradientName}_c1`;
  const shared = { kind: 'elementwise', attrs, precision, result: 'class' } as const;
  const op: Elementwise = {
    ...shared,
    ...traits,
    doc,
    constraints: {},
    operands: [{ name: 'x', format: 'class' }],
    shape: ([x]) => x.shape,
    gradient: ({ node, dy, emit }) => [emit(gradientName, [dy, reads === 'x' ? node.inputs[0] : node.id], node.attrs, 0)],
    flops: ([x]) => cost[0] * elements(x),
    sample: (random) => ({ types: [f32(...sampleShape(random))], attrs: sampleAttrs(random), domains: [domain] }),
  };
  const gradient: Elementwise = {
    ...shared,
    doc: `Gradient of ${name}: ${slope}.`,
    gradientOf: { op: name, operand: 'x' },
    constraints: { [label]: `dy and ${reads} have the same shape` },
    operands: [
      { name: 'dy', format: 'class' },
      { name: reads, format: 'exact' },
    ],
    shape: ([dy, other]) => {
      sameShapes(label, dy, other);
      return dy.shape;
    },
    gradient: 'none',
    flops: ([dy]) => cost[1] * elements(dy),
    sample: (random) => {
      const type = f32(...sampleShape(random));
      return { types: [type, type], attrs: sampleAttrs(random), domains: [undefined, read] };
    },
  };
  return pairs({ [name]: [op, gradient] } as unknown as Record<Name, readonly [Elementwise, Elementwise]>);
}
