import type { DType } from '../../ir/types.js';
import { stringAttr } from '../../ir/types.js';
import type { EmitContext, Emitter, Single } from './context.js';
import type { AttributeValue, Value } from './writer.js';

type Attributes = Readonly<Record<string, AttributeValue>>;

/** One operator of the operands as they are. */
const one =
  (type: string, attributes: (context: EmitContext) => Attributes = () => ({})): Emitter =>
  (context) =>
    context.op(type, context.aligned(), attributes(context));

/** Several operators of the operands in f32. */
const composed =
  (make: (single: Single, context: EmitContext, ...operands: readonly Value[]) => Value): Emitter =>
  (context) =>
    context.inSingle(context.aligned(), (single, ...operands) => make(single, context, ...operands));

const bound = (context: EmitContext, name: string) => context.attrs[name] !== undefined && context.number(name);

const clamp = composed((single, context, x) => {
  const [low, high] = [bound(context, 'low'), bound(context, 'high')];
  const above = low === false ? x! : single('Max', [x!, low]);
  return high === false ? above : single('Min', [above, high]);
});

const softplus = composed((single, context, x) => {
  const [beta, threshold] = [context.number('beta'), context.number('threshold')];
  const scaled = beta === 1 ? x! : single('Mul', [x!, beta]);
  const soft = single('Softplus', [scaled]);
  const y = beta === 1 ? soft : single('Div', [soft, beta]);
  // Beyond 20 the two differ by less than f32 tells apart.
  return threshold >= 20 ? y : context.where(single, 'Greater', scaled, threshold, x!, y);
});

const elu = composed((single, context, x) => {
  const [alpha, scale, inputScale] = [context.number('alpha'), context.number('scale'), context.number('input_scale')];
  const below = single('Min', [x!, 0]);
  const curve = single('Elu', [inputScale === 1 ? below : single('Mul', [below, inputScale])], { alpha: { float: alpha } });
  const y = single('Add', [single('Max', [x!, 0]), curve]);
  return scale === 1 ? y : single('Mul', [y, scale]);
});

export const elementwiseEmitters = {
  relu: one('Relu'),
  relu6: composed((single, _, x) => single('Min', [single('Relu', [x!]), 6])),
  gelu: one('Gelu', ({ attrs }) => ({ approximate: optionalText(attrs.approximate, 'none') })),
  silu: composed((single, _, x) => single('Mul', [x!, single('Sigmoid', [x!])])),
  sigmoid: one('Sigmoid'),
  tanh: one('Tanh'),
  leaky_relu: one('LeakyRelu', (context) => ({ alpha: { float: context.number('slope') } })),
  hardswish: one('HardSwish'),
  hardsigmoid: one('HardSigmoid', () => ({ alpha: { float: 1 / 6 }, beta: { float: 0.5 } })),
  elu,
  mish: one('Mish'),
  softplus,
  softsign: one('Softsign'),
  prelu: composed((single, context, x, slope) => {
    const below = single('Mul', [x!, slope!]);
    return context.where(single, 'Greater', x!, 0, x!, below);
  }),

  exp: one('Exp'),
  log: one('Log'),
  sqrt: one('Sqrt'),
  abs: one('Abs'),
  pow: composed((single, context, x) => single('Pow', [x!, context.number('exponent')])),
  clamp,

  add: one('Add'),
  sub: one('Sub'),
  mul: one('Mul'),
  div: one('Div'),
  maximum: one('Max'),
  minimum: one('Min'),
  scale: composed((single, context, x) => single('Mul', [x!, context.number('factor')])),
  scale_by: composed((single, _, x, factor) => single('Mul', [x!, factor!])),
  shift: composed((single, context, x) => single('Add', [x!, context.number('offset')])),
  cast: ((context) => context.writer.cast(context.operand(0, context.order), stringAttr(context.attrs, 'to') as DType)) satisfies Emitter,
};

function optionalText(value: unknown, missing: string): string {
  return typeof value === 'string' ? value : missing;
}
