import type { GraphBuilder } from '../ir/builder.js';
import { isInput } from '../ir/structure.js';
import type { Graph, Node, ValueId } from '../ir/types.js';
import { type View, type ViewsSpec, viewsOf } from '../ir/views.js';
import { emit } from '../ops/emit.js';

/** The values that are made of the image. */
function madeOf(nodes: readonly Node[], image: ValueId): ReadonlySet<ValueId> {
  const made = new Set([image]);
  for (const { id, inputs } of nodes) if (inputs.some((input) => made.has(input))) made.add(id);
  return made;
}

/** A window of the image's size, so many pixels below and right of it, over the image as it is mirrored at its edges. */
function moved(builder: GraphBuilder, image: ValueId, shift: number, layer: string): ValueId {
  if (shift === 0) return image;
  const [batch, height, width, channels] = builder.type(image).shape as [number, number, number, number];
  const before = [0, Math.max(0, -shift), Math.max(0, -shift), 0];
  const after = [0, Math.max(0, shift), Math.max(0, shift), 0];
  const why = 'what lies beyond the edges is mirrored there';
  const padded = emit(builder, 'pad', [image], { before, after, mode: 'reflect' }, { layer, why });
  const start = Math.max(0, shift);
  const rows = emit(builder, 'slice', [padded], { axis: 1, start, size: height }, { layer, why: 'the rows of the moved window' });
  const columns = emit(builder, 'slice', [rows], { axis: 2, start, size: width }, { layer, why: 'the columns of the moved window' });
  if (builder.type(columns).shape.join() !== [batch, height, width, channels].join()) throw new Error('a view has another size');
  return columns;
}

/** Left and right exchanged: what lies beyond the right edge, mirrored there, behind the edge itself. */
function mirrored(builder: GraphBuilder, image: ValueId, layer: string): ValueId {
  const width = builder.type(image).shape[2]!;
  if (width === 1) return image;
  const after = [0, 0, width - 1, 0];
  const padded = emit(
    builder,
    'pad',
    [image],
    { before: [0, 0, 0, 0], after, mode: 'reflect' },
    { layer, why: 'its mirror image beside it' },
  );
  return emit(builder, 'slice', [padded], { axis: 2, start: width - 1, size: width }, { layer, why: 'the mirror image alone' });
}

/** What the model results in for one view: its nodes once more, with what is not made of the image in common. */
function resultOf(builder: GraphBuilder, forward: Graph, made: ReadonlySet<ValueId>, image: ValueId, view: View): ValueId {
  const { layer } = forward.nodes[image]!;
  const shifted = moved(builder, image, view.shift, layer);
  const values = new Map([[image, view.flipped ? mirrored(builder, shifted, layer) : shifted]]);
  const result = forward.outputs.logits!;
  for (const node of forward.nodes) {
    if (node.id === image || !made.has(node.id)) continue;
    const inputs = node.inputs.map((input) => values.get(input) ?? input);
    values.set(node.id, builder.add({ ...node, inputs }));
  }
  return values.get(result) ?? result;
}

/**
 * What an evaluated model results in on average over views of its image; the result for the image itself is that of `forward`, whose nodes
 * the builder begins with.
 */
export function averageViews(builder: GraphBuilder, forward: Graph, spec: ViewsSpec): ValueId {
  const pixels = forward.nodes.find((node) => isInput(node) && node.attrs.name === 'image')!;
  const image = forward.nodes.find(({ inputs }) => inputs[0] === pixels.id)!.id;
  const made = madeOf(forward.nodes, image);
  const [own, ...others] = viewsOf(spec);
  const weighed = (result: ValueId, { share }: View) =>
    emit(builder, 'scale', [result], { factor: share }, { why: 'its share in the mean over the views of the image' });
  return others.reduce(
    (sum, view) =>
      emit(
        builder,
        'add',
        [sum, weighed(resultOf(builder, forward, made, image, view), view)],
        {},
        { why: 'adds another view of the image' },
      ),
    weighed(forward.outputs.logits!, own!),
  );
}
