import { type Compute, STAGED } from './contraction-unit.js';
import { cType } from './formats.js';
import type { WeightGradient } from './gradient-geometry.js';

/** C function that brings the channels of `count` blocks of one image (or a pair) into blocks with zeros around them. */
export function emitStageBlocks(name: string, dtype: 'f32' | 'f16' | 'bf16', compute: Compute, g: WeightGradient, lanes: number): string {
  const { type } = STAGED[compute];
  const size = g.stagedHeight * g.stagedWidth * lanes;
  const rowSize = g.stagedWidth * lanes;
  const zeros = (address: string, count: number) => (count > 0 ? `      memset(${address}, 0, ${count * 4});\n` : '');
  const below = (g.stagedHeight - g.haloTop - g.height) * rowSize;
  const right = (g.stagedWidth - g.haloLeft - g.width) * lanes;
  const edges = `${zeros('out', g.haloTop * rowSize)}${zeros(`out + ${(g.haloTop + g.height) * rowSize}`, below)}`;
  const sides = `${zeros('row_out', g.haloLeft * lanes)}${zeros(`row_out + ${(g.haloLeft + g.width) * lanes}`, right)}`;
  const value =
    compute === 'f32'
      ? `store_f32(to, load_${dtype}(first + from));`
      : 'store_vu(to, pair_up(load_h(first + from), second == NULL ? (vh){0} : load_h(second + from)));';
  return `static void ${name}(const ${cType(dtype)} *first, const ${cType(dtype)} *second, ${type} *staged, int64_t count) {
  (void)second;
${
  edges === ''
    ? ''
    : `  for (int64_t block = 0; block < count; block++) {
    ${type} *out = staged + block * ${size};
    {
${edges}    }
  }
`
}  for (int64_t row = 0; row < ${g.height}; row++) {
${
  sides === ''
    ? ''
    : `    for (int64_t block = 0; block < count; block++) {
      ${type} *row_out = staged + block * ${size} + (row + ${g.haloTop}) * ${rowSize};
${sides}    }
`
}    for (int64_t column = 0; column < ${g.width}; column++) {
      for (int64_t block = 0; block < count; block++) {
        const int64_t from = (row * ${g.width} + column) * ${g.groups * g.channels} + block * LANES;
        ${type} *to = staged + block * ${size} + ((row + ${g.haloTop}) * ${g.stagedWidth} + column + ${g.haloLeft}) * LANES;
        ${value}
      }
    }
  }
}
`;
}

/** C expressions that load a vector of dy's channels, or of what lies beside it: of one image, or of a pair of images. */
function dyLoads(g: WeightGradient, lanes: number) {
  const load = (kind: string, from: string) =>
    g.n % lanes === 0 ? `load_${kind}(${from} + from)` : `load_${kind}_part(${from} + from, min64(LANES, ${g.n} - channel))`;
  const pair = (kind: string, first: string, second: string) =>
    `pair_up(${load(kind, first)}, second == NULL ? (vh){0} : ${load(kind, second)})`;
  return { load, pair };
}

/** C function that brings `width` vectors of dy's channels, from `n` on, of one image (or a pair) side by side. */
export function emitStageDy(
  name: string,
  dtype: 'f32' | 'f16' | 'bf16',
  compute: Compute,
  g: WeightGradient,
  width: number,
  lanes: number,
): string {
  const { type } = STAGED[compute];
  const { load, pair } = dyLoads(g, lanes);
  const value = compute === 'f32' ? `store_f32(to, ${load(dtype, 'first')});` : `store_vu(to, ${pair('h', 'first', 'second')});`;
  return `static void ${name}(const ${cType(dtype)} *first, const ${cType(dtype)} *second, ${type} *staged, int64_t n) {
  (void)second;
  for (int64_t position = 0; position < ${g.outHeight * g.outWidth}; position++) {
    for (int64_t v = 0; v < ${width}; v++) {
      const int64_t channel = n + v * LANES, from = position * ${g.groups * g.n} + channel;
      ${type} *to = staged + (position * ${width} + v) * LANES;
      ${value}
    }
  }
}
`;
}

/**
 * The same from the gradient of a 2x2 max pool's result and the pool's index: each number goes to one corner of its window, zeros to the
 * others. \`which\` points at the indices of the same elements.
 */
export function emitStagePooledDy(
  name: string,
  dtype: 'f32' | 'f16' | 'bf16',
  compute: Compute,
  g: WeightGradient,
  width: number,
  lanes: number,
): string {
  const { type } = STAGED[compute];
  const [windowRows, windowColumns] = [g.outHeight / 2, g.outWidth / 2];
  const { load, pair } = dyLoads(g, lanes);
  const value =
    compute === 'f32'
      ? `const vf value = ${load(dtype, 'first')}, place = ${load('u8', 'which')};`
      : `const vu value = ${pair('h', 'first', 'second')}, place = ${pair('h_u8', 'which', 'which2')};`;
  const corner = (q: number) => {
    const to = `to + ${((q >> 1) * g.outWidth + (q & 1)) * width * lanes}`;
    return compute === 'f32'
      ? `store_f32(${to}, vf_and(place == vf_set(${q}.0f), value));`
      : `store_vu(${to}, halves_where(place, ${q}, value));`;
  };
  const unused = compute === 'f32' ? '  (void)second, (void)which2;\n' : '';
  const gradients = `const ${cType(dtype)} *first, const ${cType(dtype)} *second`;
  return `static void ${name}(${gradients}, const uint8_t *which, const uint8_t *which2, ${type} *staged, int64_t n) {
${unused}  for (int64_t row = 0; row < ${windowRows}; row++) {
    for (int64_t column = 0; column < ${windowColumns}; column++) {
      for (int64_t v = 0; v < ${width}; v++) {
        const int64_t channel = n + v * LANES, from = (row * ${windowColumns} + column) * ${g.groups * g.n} + channel;
        ${type} *to = staged + ((row * ${2 * g.outWidth} + column * 2) * ${width} + v) * LANES;
        ${value}
${[0, 1, 2, 3].map((q) => `        ${corner(q)}\n`).join('')}      }
    }
  }
}
`;
}
