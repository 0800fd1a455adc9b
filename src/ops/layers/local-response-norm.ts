import { elementCount, type ValueId } from '../../ir/types.js';
import type { LayerDefinition } from '../layer.js';
import { windowAttrs } from '../window.js';

/**
 * x / (k + alpha * mean of x^2 over neighbouring channels)^beta. The channels are the rows of an image whose channels are the positions:
 * there the means are those of a pool, zeros around them counted in, and it works along neighbouring numbers.
 */
export const localResponseNormLayer: LayerDefinition = {
  doc:
    'Divides each value by (k + alpha * m)^beta, where m is the mean square of the `size` channels around it, zeros beyond the ends ' +
    'counted in (Krizhevsky, Sutskever and Hinton 2012; alpha as in PyTorch).',
  params: [
    { name: 'size', kind: 'int', min: 1, doc: 'how many neighbouring channels; of an even number one more before than behind' },
    { name: 'alpha', kind: 'number', default: 1e-4, doc: 'factor of the mean square' },
    { name: 'beta', kind: 'number', default: 0.75, doc: 'exponent' },
    { name: 'k', kind: 'number', default: 1, doc: 'added to the mean square; with 0, zeros become NaN' },
  ],
  example: 'x |> conv2d(96, kernel: 5, padding: same) |> relu |> local_response_norm(5)',
  build: ({ input, args, emit, type }) => {
    const { shape } = type(input);
    const exchanged = (x: ValueId): ValueId => emit('transpose', [x], { axes: [0, 3, 2, 1] });
    const [batch, channels] = [shape[0]!, shape.at(-1)!];
    const size = args.size as number;
    const squares = emit('pow', [input], { exponent: 2 });
    const positions = elementCount(shape) / batch / channels;
    const columns = exchanged(emit('reshape', [squares], { shape: [batch, positions, 1, channels] }));
    const padding = [size >> 1, (size - 1) >> 1, 0, 0];
    const means = exchanged(emit('avg_pool2d', [columns], { window: [size, 1], ...windowAttrs([1, 1], padding) }));
    const scaled = emit('scale', [emit('reshape', [means], { shape })], { factor: args.alpha as number });
    const base = emit('shift', [scaled], { offset: args.k as number });
    return emit('div', [input, emit('pow', [base], { exponent: args.beta as number })]);
  },
};
