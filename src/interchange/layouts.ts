import { isCast, isState } from '../ir/structure.js';
import { elementCount, type Graph, type Node, type Shape, sameShape, stringAttr, type ValueId } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';

/**
 * How PyTorch stores a parameter or statistic. ampc's numbers, viewed as `split` and transposed by `axes`, are PyTorch's tensor of
 * `shape`.
 */
export interface TorchLayout {
  readonly split: Shape;
  readonly axes: readonly number[];
  readonly shape: Shape;
  /** As a table shows it: `HWIO as OIHW`; undefined where both store it alike. */
  readonly text?: { readonly ampc: string; readonly torch: string };
}

function same(shape: Shape): TorchLayout {
  return { split: shape, axes: shape.map((_, axis) => axis), shape };
}

/** Features that are a flattened image: PyTorch has channels first in them. */
type Image = readonly [height: number, width: number, channels: number];

function weightLayout(shape: Shape, image: Image | undefined): TorchLayout {
  if (shape.length === 4) {
    const [rows, columns, inputs, outputs] = shape as [number, number, number, number];
    return { split: shape, axes: [3, 2, 0, 1], shape: [outputs, inputs, rows, columns], text: { ampc: 'HWIO', torch: 'OIHW' } };
  }
  const [inputs, outputs] = shape as [number, number];
  if (image === undefined) return { split: shape, axes: [1, 0], shape: [outputs, inputs], text: { ampc: '[in, out]', torch: '[out, in]' } };
  const text = { ampc: '[in (HWC), out]', torch: '[out, in (CHW)]' };
  return { split: [...image, outputs], axes: [3, 2, 0, 1], shape: [outputs, inputs], text };
}

function featureLayout(shape: Shape, image: Image): TorchLayout {
  return { split: image, axes: [2, 0, 1], shape, text: { ampc: 'features HWC', torch: 'features CHW' } };
}

/** The state that an operand is, as it is or cast. */
function stateOf(graph: Graph, id: ValueId): Node | undefined {
  let node = graph.nodes[id]!;
  while (isCast(node)) node = graph.nodes[node.inputs[0]!]!;
  return isState(node) ? node : undefined;
}

function operandLayout(node: Node, index: number, state: Node, image: Image | undefined): TorchLayout {
  const { kind, operands } = opDefinition(node.op);
  const { shape } = state.type;
  if (kind === 'contraction' && operands[index]?.name === 'weight') return weightLayout(shape, image);
  if (kind === 'contraction') return same(shape);
  // A learned image, repeated for each of the batch.
  if (shape.length === 3 && node.type.shape.length === 4) {
    const [height, width, channels] = shape as [number, number, number];
    return { split: shape, axes: [2, 0, 1], shape: [channels, height, width], text: { ampc: 'HWC', torch: 'CHW' } };
  }
  return image !== undefined && shape.length === 1 && shape[0] === elementCount(image) ? featureLayout(shape, image) : same(shape);
}

/** By value whose last axis is a flattened image: that image. */
function flattenedImages({ nodes }: Graph): ReadonlyMap<ValueId, Image> {
  const images = new Map<ValueId, Image>();
  for (const node of nodes) {
    const { shape } = node.type;
    for (const input of node.inputs) {
      const from = nodes[input]!.type.shape;
      const isFlattening = opDefinition(node.op).kind === 'view' && from.length === 4 && shape.length === 2 && from[1]! * from[2]! > 1;
      const before = images.get(input);
      // As they are, or one number for each: what is measured of them.
      const isKept = sameShape(from, shape) || (before !== undefined && shape.length === 1 && shape[0] === elementCount(before));
      const image = isFlattening ? (from.slice(1) as unknown as Image) : isKept ? before : undefined;
      if (image !== undefined) images.set(node.id, image);
    }
  }
  return images;
}

/**
 * How PyTorch stores what the graphs of a model read, by the names of its states; the first use of a state decides. In a network of
 * torch.nn the same layers have weights OIHW and [out, in], and a flattened image has its channels first.
 */
export function torchLayouts(graphs: readonly Graph[]): ReadonlyMap<string, TorchLayout> {
  const layouts = new Map<string, TorchLayout>();
  for (const graph of graphs) {
    const images = flattenedImages(graph);
    for (const node of graph.nodes) {
      if (isCast(node) || node.gradOf !== undefined) continue;
      const image = node.inputs.map((input) => images.get(input)).find((found) => found !== undefined);
      for (const [index, input] of node.inputs.entries()) {
        const state = stateOf(graph, input);
        if (state === undefined) continue;
        const name = stringAttr(state.attrs, 'name');
        if (!layouts.has(name)) layouts.set(name, operandLayout(node, index, state, image));
      }
    }
  }
  return layouts;
}

/** Copies between ampc's order, `here`, and PyTorch's, `there`, which is `split` transposed by `axes`. */
function transpose({ split, axes }: TorchLayout, here: Float32Array, there: Float32Array, toThere: boolean): void {
  const strides = split.map((_, axis) => elementCount(split.slice(axis + 1)));
  const sizes = axes.map((axis) => split[axis]!);
  const steps = axes.map((axis) => strides[axis]!);
  const last = sizes.length - 1;
  const [inner, step] = [sizes[last]!, steps[last]!];
  const at = sizes.map(() => 0);
  for (let to = 0, from = 0; to < there.length; to += inner) {
    if (toThere) for (let i = 0; i < inner; i += 1) there[to + i] = here[from + i * step]!;
    else for (let i = 0; i < inner; i += 1) here[from + i * step] = there[to + i]!;
    for (let axis = last - 1; axis >= 0; axis -= 1) {
      from += steps[axis]!;
      at[axis]! += 1;
      if (at[axis]! < sizes[axis]!) break;
      from -= sizes[axis]! * steps[axis]!;
      at[axis] = 0;
    }
  }
}

/** ampc's numbers in PyTorch's order. */
export function toTorch(layout: TorchLayout, data: Float32Array): Float32Array {
  if (layout.text === undefined) return data;
  const result = new Float32Array(data.length);
  transpose(layout, data, result, true);
  return result;
}

/** PyTorch's numbers in ampc's order. */
export function fromTorch(layout: TorchLayout, data: Float32Array): Float32Array {
  if (layout.text === undefined) return data;
  const result = new Float32Array(data.length);
  transpose(layout, result, data, false);
  return result;
}
