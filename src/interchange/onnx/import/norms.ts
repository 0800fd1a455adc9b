import { permuted } from '../../permuted.js';
import { type AmpBuilder, numberText } from './builder.js';
import { resolveShape } from './fold.js';
import type { NodeView } from './node.js';
import { type Constant, refuse } from './tensors.js';
import { IMAGE_PLACES, rankOf, reorderFeatures, samePlaces, type Value } from './values.js';

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
  builder.weight(label, name, shape, permuted(constant.data, constant.shape, axes));
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
  const [scale, shift] = [learned(node.optional(1), 1), learned(node.optional(2), 0)];
  const label = scale === undefined && shift === undefined ? undefined : builder.label(scale?.name ?? shift?.name, 'layer_norm');
  const places = x.places.slice(rank - count);
  // Axes of the constants, which have the last `count` of ONNX, in the order of ampc.
  const order = places.map((_, i) => i).sort((a, b) => places[a]! - places[b]!);
  for (const [name, constant] of [
    ['weight', scale],
    ['bias', shift],
  ] as const) {
    if (constant === undefined || label === undefined) continue;
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
  return builder.stage(
    x,
    'layer_norm',
    [...axes, ...epsText(node.float('epsilon', 1e-5)), ...parts],
    x,
    label === undefined ? {} : { label },
  );
}

/** Undefined where nothing is learned: numbers that change nothing, and are no weights of the model. */
function learned(constant: Constant | undefined, idle: number): Constant | undefined {
  const isIdle = constant?.isWeight !== true && constant !== undefined && Array.from(constant.data).every((number) => number === idle);
  return isIdle ? undefined : constant;
}

/** What is learned as a number for each channel; one for all stands for as many. */
function byChannel(given: Constant | undefined, channels: number, idle: number): ArrayLike<number> | undefined {
  const constant = learned(given, idle);
  if (constant === undefined) return undefined;
  if (constant.data.length === 1) return new Float32Array(channels).fill(constant.data[0]!);
  return constant.data.length === channels ? constant.data : refuse('it has not one factor for each channel');
}

/** Of each channel, or of groups of them, with factors by channel, if any. `learns`: whether the layer does by itself. */
const channelNorm =
  (layer: string, learns: boolean, args: (node: NodeView) => readonly string[]) =>
  (builder: AmpBuilder, node: NodeView): Value => {
    const image = builder.image(node.value());
    const channels = image.shape[1]!;
    const [scale, shift] = [node.optional(1), node.optional(2)];
    const numbers = { weight: byChannel(scale, channels, 1), bias: byChannel(shift, channels, 0) };
    const isLearned = { scale: numbers.weight !== undefined, shift: numbers.bias !== undefined };
    const label = isLearned.scale || isLearned.shift ? builder.label(scale?.name ?? shift?.name, layer) : undefined;
    for (const [name, data] of Object.entries(numbers))
      if (label !== undefined && data !== undefined) builder.weight(label, name, [channels], data);
    const parts = Object.entries(isLearned).flatMap(([name, is]) => (is === learns ? [] : [`${name}: ${is}`]));
    return builder.stage(
      image,
      layer,
      [...args(node), ...epsText(node.float('epsilon', 1e-5)), ...parts],
      { shape: image.shape, places: IMAGE_PLACES },
      label === undefined ? {} : { label },
    );
  };

export const groupNorm = channelNorm('group_norm', true, (node) => [String(node.int('num_groups', 1))]);

/** With the shapes between its nodes, and the factors of the groups, which must say nothing more. */
export function spelledGroupNorm(builder: AmpBuilder, node: NodeView): Value {
  const { shape } = node.value();
  const [inner, outer, ones, zeros] = [3, 4, 5, 6].map((index) => [...node.constant(index).data]) as [
    number[],
    number[],
    number[],
    number[],
  ];
  const resolved = resolveShape(inner, shape);
  const groups = resolved[1] ?? 0;
  const isInner = resolved.length > 2 && resolved[0] === shape[0] && shape[1]! % groups === 0;
  if (!isInner || !samePlaces(resolveShape(outer, resolved), shape)) return refuse('it is a norm of groups that are no channels');
  const isPlain = ones.every((x) => x === 1) && zeros.every((x) => x === 0);
  if (!isPlain) return refuse('it has factors by group');
  return channelNorm('group_norm', true, () => [String(groups)])(builder, node);
}

export const instanceNorm = channelNorm('instance_norm', false, () => []);

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
