import type { LayerDefinition, LayerParam } from '../layer.js';
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
      const { shape } = type(input);
      const axes = resolveSorted('reduce_axes_c1', args.axes as readonly number[], shape);
      const keep = args.keepdim === true;
      if (axes.every((axis, i) => axis === axes[0]! + i)) return emit(op, [input], { axes, keep });
      // Axes apart are brought together behind the others.
      const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
      const together = emit('transpose', [input], { axes: [...kept, ...axes] });
      const reduced = emit(op, [together], { axes: axes.map((_, i) => kept.length + i), keep: false });
      return keep ? emit('reshape', [reduced], { shape: shape.map((size, axis) => (axes.includes(axis) ? 1 : size)) }) : reduced;
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
