import type { DType } from '../../ir/types.js';
import type { TorchContext, TorchEmitter } from './context.js';
import { number } from './python.js';

/** An expression of the operands in one order. */
const of =
  (write: (context: TorchContext, ...operands: readonly string[]) => string): TorchEmitter =>
  (context) => {
    const { texts, order, image } = context.aligned();
    return { text: write(context, ...texts), order, image };
  };

/** What is rounded to a format goes on in f32. */
const FORMATS: Readonly<Record<DType, string>> = {
  f32: 'torch.float32',
  f16: 'torch.float16',
  bf16: 'torch.bfloat16',
  f8_e4m3: 'torch.float8_e4m3fn',
  f8_e5m2: 'torch.float8_e5m2',
  i32: 'torch.int32',
  u8: 'torch.uint8',
  bool: 'torch.bool',
};

const call = (name: string) => of((_, x) => `${name}(${x})`);
const binary = (sign: string) => of((_, a, b) => `${a} ${sign} ${b}`);

/** torch.maximum and minimum take tensors alone. */
const extreme = (name: 'maximum' | 'minimum', bound: 'min' | 'max') =>
  of((_, a, b) => (Number.isNaN(Number(b)) ? `torch.${name}(${a}, ${b})` : `${a}.clamp(${bound}=${b})`));

const elu = of((context, x) => {
  const [alpha, scale, inputScale] = [context.number('alpha'), context.number('scale'), context.number('input_scale')];
  if (scale === 1 && inputScale === 1) return `F.elu(${x}, ${number(alpha)})`;
  if (scale === 1 && Math.abs(inputScale * alpha - 1) < 1e-6) return `F.celu(${x}, ${number(alpha)})`;
  const below = `${number(alpha)} * torch.expm1(${number(inputScale)} * ${x}.clamp(max=0))`;
  return `${number(scale)} * torch.where(${x} > 0, ${x}, ${below})`;
});

const clamp = of(({ attrs }, x) => {
  const bounds = (['low', 'high'] as const).flatMap((name) => {
    const bound = attrs[name];
    return typeof bound === 'number' ? [`${name === 'low' ? 'min' : 'max'}=${number(bound)}`] : [];
  });
  return `${x}.clamp(${bounds.join(', ')})`;
});

export const elementwiseEmitters = {
  relu: call('F.relu'),
  relu6: call('F.relu6'),
  gelu: of(({ attrs }, x) => (attrs.approximate === 'tanh' ? `F.gelu(${x}, approximate="tanh")` : `F.gelu(${x})`)),
  silu: call('F.silu'),
  sigmoid: call('torch.sigmoid'),
  tanh: call('torch.tanh'),
  leaky_relu: of((context, x) => `F.leaky_relu(${x}, ${number(context.number('slope'))})`),
  hardswish: call('F.hardswish'),
  hardsigmoid: call('F.hardsigmoid'),
  elu,
  mish: call('F.mish'),
  softplus: of(
    (context, x) => `F.softplus(${x}, beta=${number(context.number('beta'))}, threshold=${number(context.number('threshold'))})`,
  ),
  softsign: call('F.softsign'),
  prelu: of((_, x, slope) => `torch.where(${x} > 0, ${x}, ${x} * ${slope})`),

  exp: call('torch.exp'),
  log: call('torch.log'),
  sqrt: call('torch.sqrt'),
  abs: call('torch.abs'),
  pow: of((context, x) => `${x} ** ${number(context.number('exponent'))}`),
  clamp,

  add: binary('+'),
  sub: binary('-'),
  mul: binary('*'),
  div: binary('/'),
  maximum: extreme('maximum', 'min'),
  minimum: extreme('minimum', 'max'),
  scale: of((context, x) => `${x} * ${number(context.number('factor'))}`),
  scale_by: binary('*'),
  shift: of((context, x) => `${x} + ${number(context.number('offset'))}`),
  cast: of(({ type }, x) => (type.dtype === 'f32' ? x! : `${x}.to(${FORMATS[type.dtype]}).float()`)),
};
