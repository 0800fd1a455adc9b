import type { LayerDefinition, LayerParam } from '../layer.js';
import { constrain } from '../op.js';
import { formatShape } from '../window.js';
import { resolveSorted } from './axes.js';

const PARAMS: readonly LayerParam[] = [
  { name: 'axes', kind: 'axes', min: -4, max: 3, doc: 'one, or a list: counted from 0 without the batch, or from -1 (channels) backwards' },
  { name: 'keepdim', kind: 'boolean', default: false, doc: 'whether the axes stay, with size 1' },
];

function reduction(op: 'sum' | 'mean' | 'max', doc: string, example: string): LayerDefinition {
  return {
    doc,
    params: PARAMS,
    example,
    build: ({ input, args, emit, type }) => {
      const axes = resolveSorted(`${op}_c1`, args.axes as readonly number[], type(input).shape);
      const apart = axes.some((axis, i) => axis !== axes[0]! + i);
      constrain(!apart, `${op}_c1`, () => `the axes ${formatShape(axes.map((axis) => axis - 1))} do not follow one another`);
      return emit(op, [input], { axes, keep: args.keepdim === true });
    },
  };
}

export const sumLayer = reduction('sum', 'Sum over some axes.', 'x |> sum(-1)');
export const meanLayer = reduction(
  'mean',
  'Mean over some axes; it does not overflow where the sum would.',
  'x |> mean([0, 1], keepdim: true)',
);
export const maxLayer = reduction(
  'max',
  'The largest value along some axes. Equal ones share the gradient evenly, as in torch.amax.',
  'x |> max(axes: 0)',
);
