import { add, div, fma, greater, mul, named, number, select, sub } from './build.js';
import { ofElement, x } from './element-function.js';
import { bell, exp, normal, normalOfBell, sigmoid } from './special-functions.js';

const one = number(1);

export const GELU = ofElement('gelu', mul(x, normal(x)));
export const GELU_SLOPE = ofElement('gelu_slope', fma(mul(x, number(0.39894228)), bell, normalOfBell()));

const s = named('s', sigmoid(x));
export const SILU_SLOPE = ofElement('silu_slope', mul(s, fma(x, sub(one, s), one)));

/** sqrt(8 / pi) and 0.044715: gelu by its approximation is x * sigmoid(u), u = GELU_FACTOR * (x + GELU_CUBE * x^3). */
const [GELU_FACTOR, GELU_CUBE] = [Math.sqrt(8 / Math.PI), 0.044715];
const cubed = mul(number(GELU_FACTOR), mul(x, fma(mul(x, x), number(GELU_CUBE), one)));
export const GELU_TANH = ofElement('gelu_tanh', mul(x, sigmoid(cubed)));
const part = named('part', sigmoid(cubed));
const cubedSlope = mul(number(GELU_FACTOR), fma(mul(x, x), number(3 * GELU_CUBE), one));
export const GELU_TANH_SLOPE = ofElement('gelu_tanh_slope', fma(mul(mul(x, part), sub(one, part)), cubedSlope, part));

/** Where tanh(softplus(x)) is 1 in f32, and squares of e^x are far from the end of its range. */
const capped = named('capped', select(greater(x, number(20)), number(20), x));
const grown = named('e', exp(capped));
const w = named('w', mul(grown, add(grown, number(2))));
const tanhOfSoftplus = named('t', div(w, add(w, number(2))));
export const MISH = ofElement('mish', mul(x, tanhOfSoftplus), 'x tanh(ln(1 + e^x)) = x w / (w + 2), w = e^x (e^x + 2).');
const half = named('r', div(number(2), add(w, number(2))));
export const MISH_SLOPE = ofElement(
  'mish_slope',
  fma(mul(capped, mul(grown, add(grown, one))), mul(half, half), tanhOfSoftplus),
  't + x 4 e (e + 1) / (w + 2)^2, with e = e^x and t = w / (w + 2).',
);
