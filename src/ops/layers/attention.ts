import type { ValueId } from '../../ir/types.js';
import { INIT } from '../initializers.js';
import type { LayerContext, LayerDefinition } from '../layer.js';
import { constrain } from '../op.js';
import type { StateInit } from '../state-init.js';
import { formatShape } from '../window.js';
import { CAUSAL } from './activation.js';

/** A projection of the last axis by a layer of its own, `name`: weight [features, features], and a bias that starts at 0. */
function project({ part }: LayerContext, name: string, x: ValueId, bound: number): ValueId {
  const { emit, parameter, type } = part(name);
  const features = type(x).shape.at(-1)!;
  const weight: StateInit = { kind: 'uniform', bound };
  return emit('linear', [
    x,
    parameter('weight', [features, features], weight),
    parameter('bias', [features], { kind: 'constant', value: 0 }),
  ]);
}

/**
 * softmax(q k^T / sqrt(size of a head)) v in every head, as the language's own layers compute it: the same ops under the same names as a
 * block with a linear layer for each of q, k, v and out. q is scaled before the product, so that scores do not overflow before they are
 * small.
 */
export const attentionLayer: LayerDefinition = {
  doc:
    'Self-attention of a sequence [positions, features] in several heads, as torch.nn.MultiheadAttention: q, k, v and out are linear ' +
    'layers `q`, `k`, `v` and `out` under its name; each starts as in PyTorch, whose in_proj holds the first three.',
  params: [
    { name: 'heads', kind: 'int', min: 1, doc: 'parts of the features that attend by themselves; it divides them' },
    {
      name: 'dropout',
      kind: 'number',
      min: 0,
      max: 0.999,
      default: 0,
      doc: 'probability that a weight of the sum over positions is left out in training',
    },
    CAUSAL,
    { ...INIT, doc: 'how the weights of q, k, v and out start' },
  ],
  example: 'x |> layer_norm |> attention(heads: 4) as attn |> add(x)',
  build: (context) => {
    const { input, args, mode, seed, part, step, type } = context;
    const { shape } = type(input);
    constrain(
      shape.length === 3,
      'attention_layer_c1',
      () => `attention needs a sequence [positions, features], not ${formatShape(shape.slice(1))}`,
    );
    const [batch, positions, features] = shape as [number, number, number];
    const heads = args.heads as number;
    const size = features / heads;
    constrain(Number.isInteger(size), 'attention_layer_c2', () => `${features} features do not make ${heads} heads of equal size`);
    // Xavier's bound of the weight [3 * features, features] that PyTorch has for the three together.
    const inBound = Math.sqrt(6 / (4 * features));
    const apart = (count: number, x: ValueId): ValueId => {
      const rows = part(`reshape_${count}`).emit('reshape', [x], { shape: [batch, positions, heads, size] });
      return part(`transpose_${count}`).emit('transpose', [rows], { axes: [0, 2, 1, 3] });
    };
    const q = project(context, 'q', input, inBound);
    const scaled = apart(1, part('scale_1').emit('scale', [q], { factor: 1 / Math.sqrt(size) }));
    const k = apart(2, project(context, 'k', input, inBound));
    const v = apart(3, project(context, 'v', input, inBound));
    const scores = part('matmul_1').emit('matmul', [scaled, k], { transposed: 'b' });
    let weights = part('softmax_1').emit('softmax', [scores], args.causal === true ? { causal: true } : {});
    const rate = args.dropout as number;
    if (mode === 'train' && rate > 0) {
      const { emit, salt } = part('dropout_1');
      weights = emit('dropout', [weights, step()], { rate, seed, salt });
    }
    const summed = part('matmul_2').emit('matmul', [weights, v]);
    const together = part('transpose_4').emit('transpose', [summed], { axes: [0, 2, 1, 3] });
    const rows = part('reshape_4').emit('reshape', [together], { shape: [batch, positions, features] });
    return project(context, 'out', rows, 1 / Math.sqrt(features));
  },
};
