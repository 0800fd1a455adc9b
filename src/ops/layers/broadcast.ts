import { type Shape, sameShape, type ValueId } from '../../ir/types.js';
import { stretchesTo } from '../copies.js';
import { isRepeat } from '../index.js';
import type { LayerContext } from '../layer.js';
import { constrain } from '../op.js';
import { formatShape } from '../window.js';

/** The shape that all of these stretch to; undefined where there is none. */
function commonShape(shapes: readonly Shape[]): Shape | undefined {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  const sizes = Array.from({ length: rank }, (_, axis) => Math.max(...shapes.map((shape) => shape[axis + shape.length - rank] ?? 1)));
  return shapes.every((shape) => stretchesTo(shape, sizes)) ? sizes : undefined;
}

/**
 * Brings values to one shape, as an op that takes them element by element needs: in each image an axis of size 1 is repeated, and one that
 * a value does not have, counted from the last, is added. So numbers for the channels, [channels], fit an image [height, width, channels].
 * Values of that shape stay what they are. Throws ConstraintError broadcast_c1 where there is no such shape.
 */
export function broadcastOperands(
  context: Pick<LayerContext, 'builder' | 'emit' | 'type'>,
  values: readonly ValueId[],
): readonly ValueId[] {
  const { type } = context;
  const shapes = values.map((id) => type(id).shape.slice(1));
  if (shapes.every((shape) => sameShape(shape, shapes[0]))) return values;
  const common = commonShape(shapes);
  const text = () => `${shapes.map(formatShape).join(' and ')} do not stretch to one shape`;
  constrain(common !== undefined, 'broadcast_c1', text);
  const target = [type(values[0]).shape[0], ...common];
  return values.map((id, i) => (sameShape(shapes[i], common) ? id : stretched(context, id, target)));
}

function stretched({ builder, emit, type }: Pick<LayerContext, 'builder' | 'emit' | 'type'>, id: ValueId, target: Shape): ValueId {
  const [batch, ...inner] = type(id).shape;
  const node = builder.node(id);
  // What was the same for all images already is repeated from where it was, without the batch.
  const source = node.inputs[0];
  if (isRepeat(node) && type(source).shape.length <= inner.length && stretchesTo(type(source).shape, target))
    return emit('broadcast', [source], { shape: target });
  const shape = [batch, ...target.slice(1 + inner.length).map(() => 1), ...inner];
  const aligned = inner.length + 1 === target.length ? id : emit('reshape', [id], { shape });
  return sameShape(shape, target) ? aligned : emit('broadcast', [aligned], { shape: target });
}
