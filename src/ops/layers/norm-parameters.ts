import type { Shape, ValueId } from '../../ir/types.js';
import type { LayerContext, LayerParam } from '../layer.js';

/** Arguments that norms have in common. */
export const EPS = (value: number): LayerParam => ({
  name: 'eps',
  kind: 'number',
  min: 0,
  max: 1,
  default: value,
  doc: 'added to the variance',
});
export const SCALE: LayerParam = { name: 'scale', kind: 'boolean', default: true, doc: 'learn a factor for each channel' };
export const SHIFT: LayerParam = { name: 'shift', kind: 'boolean', default: true, doc: 'learn what is added to each channel' };

/** As the `init` of a norm is of its factors. */
export const SHIFT_INIT: LayerParam = { name: 'shift_init', kind: 'init', default: 'default', doc: 'how what is added starts' };

type ParameterContext = Pick<LayerContext, 'builder' | 'parameter' | 'path' | 'loc' | 'args'>;

/** A tensor of one number, f32. */
export function constantOf({ builder, path, loc }: Pick<LayerContext, 'builder' | 'path' | 'loc'>, value: number, shape: Shape): ValueId {
  return builder.add({ op: 'constant', attrs: { value }, type: { dtype: 'f32', shape }, layer: path, loc });
}

/** The factors of a norm, `<path>.weight`, or ones where it learns none. */
export function weightOf(context: ParameterContext, shape: Shape): ValueId {
  if (context.args.scale !== false) return context.parameter('weight', shape, { kind: 'constant', value: 1 });
  return constantOf(context, 1, shape);
}

/** What a norm adds, `<path>.bias`, or zeros where it learns nothing. */
export function biasOf(context: ParameterContext, shape: Shape, learned = context.args.shift !== false): ValueId {
  if (learned) return context.parameter('bias', shape, { kind: 'constant', value: 0 });
  return constantOf(context, 0, shape);
}
