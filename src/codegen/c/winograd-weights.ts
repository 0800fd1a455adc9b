import { type Code, emit } from '../code.js';
import type { Convolution } from './contraction-geometry.js';
import { cType } from './formats.js';
import type { KernelContext } from './kernel.js';
import { arraySize, called, head, numberTable } from './kernel-code.js';
import { CACHE_LINE, TAPS } from './winograd.js';
import type { Winograd } from './winograd-choice.js';
import { emitProduct, emitSandwich } from './winograd-transform.js';

/** From one point's weights of a channel tile to the next, in elements; `width`: the tile's channels. */
export function weightPitch(width: number, k: number): number {
  return width * k + CACHE_LINE;
}

/** C functions that transform the weight: for each tile of channels and each point, the summed channels in order. */
export function emitWeights(context: KernelContext, c: Convolution, { filter, taps }: Winograd, tileVectors: number, packed: Code): Code {
  const { name } = context;
  const { lanes } = context.target;
  const { dtype } = context.type(c.weight);
  const source = context.pointer(c.weight);
  const vectors = c.n / lanes;
  const rest = vectors % tileVectors;
  const width = rest === 0 ? emit`${tileVectors}` : emit`(t < ${Math.floor(vectors / tileVectors)} ? ${tileVectors} : ${rest})`;
  const transform = (weights: Code, k: Code) =>
    emit`${called(name.and('_weights'), emit`${weights}, out + ${k} * pitch + v * LANES, (pitch * ${c.k} + ${CACHE_LINE})`)};`;
  const load = c.transposed
    ? emit`      vf lines[${TAPS ** 2}][LANES];
      for (int tap = 0; tap < ${TAPS ** 2}; tap++) {
        for (int i = 0; i < LANES; i++) lines[tap][i] = load_${dtype}(in + ((int64_t)taps[tap] * ${c.n} + v * LANES + i) * ${c.k} + from);
        transpose(lines[tap]);
      }
      for (int i = 0; i < LANES; i++) {
        vf g[${arraySize(TAPS ** 2)}];
        for (int tap = 0; tap < ${TAPS ** 2}; tap++) g[tap] = lines[tap][i];
        ${transform('g', '(from + i)')}
      }
`
    : emit`      for (int64_t k = from; k < from + LANES; k++) {
        vf g[${arraySize(TAPS ** 2)}];
        for (int tap = 0; tap < ${TAPS ** 2}; tap++) g[tap] = load_${dtype}(in + ((int64_t)taps[tap] * ${c.k} + k) * ${c.n} + v * LANES);
        ${transform('g', 'k')}
      }
`;
  const line = name.and('_weight_line');
  const store = emit`store_f32(out + (row * ${filter.points} + column) * point, y[column])`;
  return emit`${emitProduct(line, filter.weight)}
${head('static void', name.and('_weights'), 'const vf *g, float *out, int64_t point')}
${emitSandwich(line, filter.weight, emit`g[row * ${TAPS} + column]`, store, '  ')}}

${head('static void', name.and('_pack'), 'void *const *p, int64_t task')}
  ${numberTable('taps', taps)}
  const int64_t t = task / ${c.k / lanes}, from = task % ${c.k / lanes} * LANES, pitch = ${width} * LANES;
  const ${cType(dtype)} *in = ${source} + t * ${tileVectors * lanes}${c.transposed ? emit` * ${c.k}` : ''};
  float *out = (float *)${packed} + t * ${weightPitch(tileVectors * lanes, c.k)} * ${filter.points ** 2};
  for (int64_t v = 0; v * LANES < pitch; v++) {
${load}  }
}
`;
}
