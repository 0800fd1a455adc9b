import {
  add,
  atLeast,
  div,
  double,
  greater,
  isNan,
  less,
  letIn,
  mul,
  named,
  neg,
  number,
  or,
  orZero,
  parameter,
  power,
  randomWord,
  select,
  shiftRight,
  sqrt,
  sub,
  toF32,
  toF64,
  toI32,
} from './build.js';
import { x } from './element-function.js';
import type { F32, FormulaFunction } from './expression.js';
import { exp } from './special-functions.js';

const one = number(1);

const [key0, key1] = [parameter('key0', 'u32', 'scalar'), parameter('key1', 'u32', 'scalar')];
const step = parameter('step', 'u32', 'scalar');
const index = parameter('index', 'index', 'element');
const threshold = parameter('threshold', 'u32', 'scalar');
const factor = parameter('factor', 'f32', 'scalar');

export const DROPOUT: FormulaFunction<'f32'> = {
  name: 'dropout',
  doc: "x * factor where the element's uniform 24-bit number is at least threshold, else zero.",
  parameters: [x, key0, key1, step, index, threshold, factor],
  result: orZero(atLeast(toI32(shiftRight(randomWord(key0, key1, index, step), 8)), toI32(threshold)), mul(x, factor)),
};

const [most, norm] = [parameter('most', 'f32', 'scalar'), parameter('norm', 'f32', 'scalar')];
const ratio = named('ratio', div(toF64(most), add(toF64(norm), double(1e-6))));

export const CLIP_FACTOR: FormulaFunction<'f32'> = {
  name: 'clip_factor',
  doc: 'What gradients are multiplied with so that their norm is at most that. A NaN norm makes every gradient NaN, as in PyTorch.',
  parameters: [most, norm],
  result: select(or(less(ratio, double(1)), isNan(ratio)), toF32(ratio), one),
  only: 'double',
};

const lr = parameter('lr', 'f32', 'scalar');
const beta = parameter('beta', 'f64', 'scalar');
const t = parameter('t', 'i32', 'scalar');
const rest = sub(double(1), power(beta, t));

export const ADAM_RATE: FormulaFunction<'f32'> = {
  name: 'adam_rate',
  doc: "Adam's step size lr / (1 - beta1^t) at update t, counted from 1.",
  parameters: [lr, beta, t],
  result: toF32(div(toF64(lr), rest)),
  only: 'double',
};

export const ADAM_ROOT: FormulaFunction<'f32'> = {
  name: 'adam_root',
  doc: '1 / sqrt(1 - beta2^t).',
  parameters: [beta, t],
  result: toF32(div(double(1), sqrt(rest))),
  only: 'double',
};

const y = parameter('x', 'f32', 'scalar');

/** 1 + y/2 (1 + y/3 (.. (1 + y/7))). */
const brackets = [6, 5, 4, 3, 2].reduce<F32>((inner, n) => add(one, mul(div(y, number(n)), inner)), add(one, div(y, number(7))));
const series = named('series', mul(neg(y), brackets));

/** For targets without doubles: 1 - beta^t as 1 - e^(t ln beta). */
export const ONE_MINUS_EXP: FormulaFunction<'f32'> = {
  name: 'one_minus_exp',
  doc: '1 - e^x for x <= 0, without cancellation near zero.',
  parameters: [y],
  result: letIn([series], select(greater(y, number(-0.5)), series, sub(one, exp(y)))),
  only: 'single',
};
