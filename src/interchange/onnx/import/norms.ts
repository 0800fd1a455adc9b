import { type AmpBuilder, numberText } from './builder.js';
import type { NodeView } from './node.js';
import { type Constant, refuse } from './tensors.js';
import { IMAGE_PLACES, rankOf, reorder, reorderFeatures, type Value } from './values.js';

const epsText = (eps: number): readonly string[] => (Math.fround(eps) === Math.fround(1e-5) ? [] : [`eps: ${numberText(eps)}`]);

export function batchNorm(builder: AmpBuilder, node: NodeView): Value {
  if (node.int('training_mode', 0) !== 0) return refuse('it is in training');
  const given = node.value();
  const isLast = given.places[1] === rankOf(given) - 1;
  const x = isLast
    ? given
    : given.shape.length === 4
      ? builder.image(given)
      : builder.ordered(given, [0, ...given.shape.map((_, axis) => axis).slice(2), 1]);
  const numbers = ['weight', 'bias', 'running_mean', 'running_var'].map((name, i) => ({ name, constant: node.constant(i + 1) }));
  const label = builder.label(numbers[0]!.constant.name, 'batch_norm');
  for (const { name, constant } of numbers) {
    if (constant.data.length !== x.shape[1]) return refuse('it has not one number for each channel');
    builder.weight(label, name, [constant.data.length], x.flat === undefined ? constant.data : reorderFeatures(constant.data, x.flat));
  }
  const momentum = 1 - node.float('momentum', 0.9);
  const moves = Math.abs(momentum - 0.1) < 1e-6 ? [] : [`momentum: ${numberText(momentum)}`];
  return builder.stage(x, 'batch_norm', [...epsText(node.float('epsilon', 1e-5)), ...moves], x, { label });
}

/** What a norm learns, in ampc's order of axes; `axes` are those of ONNX in that order. */
function learn(builder: AmpBuilder, label: string, name: string, constant: Constant, axes: readonly number[]): void {
  const shape = axes.map((axis) => constant.shape[axis]!);
  builder.weight(label, name, shape, reorder(constant.data, constant.shape, axes));
}

export function layerNorm(builder: AmpBuilder, node: NodeView): Value {
  const given = node.value();
  const rank = given.shape.length;
  const axis = node.int('axis', -1);
  const from = axis < 0 ? axis + rank : axis;
  const count = rank - from;
  if (count === 1 && given.places[rank - 1] !== rankOf(given) - 1) return finish(builder, node, builder.plain(given), count);
  // All but the batch of an image: its order is that of ampc's.
  const isImage = rank === 4 && from === 1;
  return finish(builder, node, count === 1 ? given : isImage ? builder.image(given) : builder.plain(given), count);
}

function finish(builder: AmpBuilder, node: NodeView, x: Value, count: number): Value {
  const rank = x.shape.length;
  const scale = node.optional(1);
  const shift = node.optional(2);
  const label = builder.label(scale?.name ?? shift?.name, 'layer_norm');
  const places = x.places.slice(rank - count);
  // Axes of the constants, which have the last `count` of ONNX, in the order of ampc.
  const order = places.map((_, i) => i).sort((a, b) => places[a]! - places[b]!);
  for (const [name, constant] of [
    ['weight', scale],
    ['bias', shift],
  ] as const) {
    if (constant === undefined) continue;
    if (constant.shape.length !== count) return refuse('its factors have other axes than it normalizes');
    if (x.flat !== undefined) builder.weight(label, name, [constant.data.length], reorderFeatures(constant.data, x.flat));
    else learn(builder, label, name, constant, order);
  }
  const axes =
    count === 1
      ? []
      : [
          `axes: [${[...places]
            .sort((a, b) => a - b)
            .map((place) => place - 1)
            .join(', ')}]`,
        ];
  const parts = [...(scale === undefined ? ['scale: false'] : []), ...(shift === undefined ? ['shift: false'] : [])];
  return builder.stage(x, 'layer_norm', [...axes, ...epsText(node.float('epsilon', 1e-5)), ...parts], x, { label });
}

/** Of each channel, or of groups of them, with factors by channel. */
const channelNorm =
  (layer: string, args: (node: NodeView, channels: number) => readonly string[]) =>
  (builder: AmpBuilder, node: NodeView): Value => {
    const image = builder.image(node.value());
    const channels = image.shape[1]!;
    const [scale, shift] = [node.constant(1), node.constant(2)];
    if (scale.data.length !== channels || shift.data.length !== channels) return refuse('it has not one factor for each channel');
    const label = builder.label(scale.name, layer);
    builder.weight(label, 'weight', [channels], scale.data);
    builder.weight(label, 'bias', [channels], shift.data);
    return builder.stage(
      image,
      layer,
      [...args(node, channels), ...epsText(node.float('epsilon', 1e-5))],
      { shape: image.shape, places: IMAGE_PLACES },
      { label },
    );
  };

export const groupNorm = channelNorm('group_norm', (node) => [String(node.int('num_groups', 1))]);
/** With the shapes between its nodes, and the factors of the groups, which must say nothing more. */
export function spelledGroupNorm(builder: AmpBuilder, node: NodeView): Value {
  const { shape } = node.value();
  const [inner, outer, ones, zeros] = [3, 4, 5, 6].map((index) => node.constant(index).data);
  const groups = inner![1] ?? 0;
  const isInner = inner!.length === 3 && inner![2] === -1 && shape[1]! % groups === 0;
  const isOuter =
    outer!.length === shape.length && Array.from(outer!).every((size, axis) => size === shape[axis] || size === 0 || size === -1);
  if (!isInner || !isOuter) return refuse('it is a norm of groups that are no channels');
  const isPlain = ones!.length === groups && Array.from(ones!).every((x) => x === 1) && Array.from(zeros!).every((x) => x === 0);
  if (!isPlain) return refuse('it has factors by group');
  return channelNorm('group_norm', () => [String(groups)])(builder, node);
}

/** Written as the norm of groups of one channel each, which has factors by channel. */
export const instanceNorm = channelNorm('group_norm', (_, channels) => [String(channels)]);

export function localResponseNorm(builder: AmpBuilder, node: NodeView): Value {
  const image = builder.image(node.value());
  const args = [
    String(node.int('size', 1)),
    `alpha: ${numberText(node.float('alpha', 1e-4))}`,
    `beta: ${numberText(node.float('beta', 0.75))}`,
    `k: ${numberText(node.float('bias', 1))}`,
  ];
  return builder.same(image, 'local_response_norm', args);
}
