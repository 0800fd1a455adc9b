import type { Convolution } from './contraction-geometry.js';
import { cType } from './formats.js';
import type { KernelContext } from './kernel.js';
import { CACHE_LINE, TAPS } from './winograd.js';
import type { Winograd } from './winograd-choice.js';
import { emitProduct, emitSandwich } from './winograd-transform.js';

/** From one point's weights of a channel tile to the next, in elements; `width`: the tile's channels, a number or a C variable. */
export function weightPitch(width: number | string, k: number): string {
  return typeof width === 'number' ? String(width * k + CACHE_LINE) : `(${width} * ${k} + ${CACHE_LINE})`;
}

/** C functions that transform the weight: for each tile of channels and each point, the summed channels in order. */
export function emitWeights(
  context: KernelContext,
  c: Convolution,
  { filter, taps }: Winograd,
  tileVectors: number,
  packed: string,
): string {
  const { name } = context;
  const { lanes } = context.target;
  const { dtype } = context.type(c.weight);
  const source = context.pointer(c.weight);
  const vectors = c.n / lanes;
  const rest = vectors % tileVectors;
  const width = rest === 0 ? String(tileVectors) : `(t < ${Math.floor(vectors / tileVectors)} ? ${tileVectors} : ${rest})`;
  const transform = (weights: string, k: string) =>
    `${name}_weights(${weights}, out + ${k} * pitch + v * LANES, ${weightPitch('pitch', c.k)});`;
  const load = c.transposed
    ? `      vf lines[${TAPS ** 2}][LANES];
      for (int tap = 0; tap < ${TAPS ** 2}; tap++) {
        for (int i = 0; i < LANES; i++) lines[tap][i] = load_${dtype}(in + ((int64_t)taps[tap] * ${c.n} + v * LANES + i) * ${c.k} + from);
        transpose(lines[tap]);
      }
      for (int i = 0; i < LANES; i++) {
        vf g[${TAPS ** 2}];
        for (int tap = 0; tap < ${TAPS ** 2}; tap++) g[tap] = lines[tap][i];
        ${transform('g', '(from + i)')}
      }
`
    : `      for (int64_t k = from; k < from + LANES; k++) {
        vf g[${TAPS ** 2}];
        for (int tap = 0; tap < ${TAPS ** 2}; tap++) g[tap] = load_${dtype}(in + ((int64_t)taps[tap] * ${c.k} + k) * ${c.n} + v * LANES);
        ${transform('g', 'k')}
      }
`;
  const line = `${name}_weight_line`;
  const store = `store_f32(out + (row * ${filter.points} + column) * point, y[column])`;
  return `${emitProduct(line, filter.weight)}
static void ${name}_weights(const vf *g, float *out, int64_t point) {
${emitSandwich(line, filter.weight, `g[row * ${TAPS} + column]`, store, '  ')}}

static void ${name}_pack(void *const *p, int64_t task) {
  static const int taps[] = {${taps.join(', ')}};
  const int64_t t = task / ${c.k / lanes}, from = task % ${c.k / lanes} * LANES, pitch = ${width} * LANES;
  const ${cType(dtype)} *in = ${source} + t * ${tileVectors * lanes}${c.transposed ? ` * ${c.k}` : ''};
  float *out = (float *)${packed} + t * ${weightPitch(tileVectors * lanes, c.k)} * ${filter.points ** 2};
  for (int64_t v = 0; v * LANES < pitch; v++) {
${load}  }
}
`;
}
