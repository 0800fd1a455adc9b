import { GELU, GELU_SLOPE, GELU_TANH, GELU_TANH_SLOPE, MISH, MISH_SLOPE, SILU_SLOPE } from './activation-functions.js';
import type { FormulaFunction } from './expression.js';
import { EXP, EXPM1, LN, LOG, NORMAL, SIGMOID, SOFTPLUS, TANH } from './special-functions.js';
import { ADAM_RATE, ADAM_ROOT, CLIP_FACTOR, DROPOUT, ONE_MINUS_EXP } from './step-functions.js';

/** All functions, in an order in which each stands behind those that it calls. */
export const FUNCTIONS: readonly FormulaFunction[] = [
  EXP,
  LOG,
  LN,
  EXPM1,
  SIGMOID,
  SOFTPLUS,
  TANH,
  NORMAL,
  GELU,
  GELU_SLOPE,
  SILU_SLOPE,
  GELU_TANH,
  GELU_TANH_SLOPE,
  MISH,
  MISH_SLOPE,
  DROPOUT,
  CLIP_FACTOR,
  ADAM_RATE,
  ADAM_ROOT,
  ONE_MINUS_EXP,
];
