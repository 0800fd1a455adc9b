import type { ComputeType } from '../../numeric/formats.js';
import type { Pair } from '../../ops/contraction-geometry.js';
import { type Code, emit, joined } from '../code.js';
import { askFor } from './ask-ahead.js';
import { type Compute, type LoadPart, STAGED } from './contraction-unit.js';
import { cType } from './formats.js';
import type { WeightGradient } from './gradient-geometry.js';
import { head, type OwnName } from './kernel-code.js';

/** Loads a vector of one image, or of the two of a pair; the second may be missing. `load`: from the image of that name. */
function ofImages(load: (kind: string, image: Code) => Code, [first, second] = ['first', 'second']): LoadPart {
  return (kind, half) => (half === 0 ? load(kind, first!) : emit`second == NULL ? (vh){0} : ${load(kind, second!)}`);
}

/** Lines that ask for what lies `ahead` elements behind, in the image that is staged next. 0: none. */
function askForNext(ahead: number, ...images: readonly string[]): Code {
  const line = (image: string) => emit`        ${askFor(emit`${image} + from + ${ahead}`)}\n`;
  return ahead === 0 ? emit`` : joined(images.map(line));
}

/**
 * C function that brings the channels of `count` blocks of one image (or a pair) into blocks with zeros around them. `ahead`: elements from
 * there to the image that is staged next, if it is to be fetched.
 */
export function emitStageBlocks(name: OwnName, dtype: ComputeType, compute: Compute, g: WeightGradient, lanes: number, ahead = 0): Code {
  const { type, store, stage } = STAGED[compute];
  const size = g.stagedHeight * g.stagedWidth * lanes;
  const rowSize = g.stagedWidth * lanes;
  const zeros = (address: Code, count: number) => (count > 0 ? emit`      memset(${address}, 0, ${count * 4});\n` : '');
  const below = (g.stagedHeight - g.haloTop - g.height) * rowSize;
  const right = (g.stagedWidth - g.haloLeft - g.width) * lanes;
  const edges = emit`${zeros('out', g.haloTop * rowSize)}${zeros(emit`out + ${(g.haloTop + g.height) * rowSize}`, below)}`;
  const sides = emit`${zeros('row_out', g.haloLeft * lanes)}${zeros(emit`row_out + ${(g.haloLeft + g.width) * lanes}`, right)}`;
  const load = ofImages((kind, image) => emit`load_${kind}(${image} + from)`);
  const value = store('to', stage(dtype, load));
  const parameters = `const ${cType(dtype)} *first, const ${cType(dtype)} *second, ${type} *staged, int64_t count`;
  return emit`${head('static void', name, parameters)}
  (void)second;
${
  edges === ''
    ? ''
    : emit`  for (int64_t block = 0; block < count; block++) {
    ${type} *out = staged + block * ${size};
    {
${edges}    }
  }
`
}  for (int64_t row = 0; row < ${g.height}; row++) {
${
  sides === ''
    ? ''
    : emit`    for (int64_t block = 0; block < count; block++) {
      ${type} *row_out = staged + block * ${size} + (row + ${g.haloTop}) * ${rowSize};
${sides}    }
`
}    for (int64_t column = 0; column < ${g.width}; column++) {
      for (int64_t block = 0; block < count; block++) {
        const int64_t from = (row * ${g.width} + column) * ${g.groups * g.channels} + block * LANES;
        ${type} *to = staged + block * ${size} + ((row + ${g.haloTop}) * ${g.stagedWidth} + column + ${g.haloLeft}) * LANES;
${askForNext(ahead, 'first')}        ${value}
      }
    }
  }
}
`;
}

/** C expression that loads a vector of dy's channels, or of what lies beside it. */
function dyLoad(g: WeightGradient, lanes: number): (kind: string, image: Code) => Code {
  return (kind, image) =>
    g.n % lanes === 0 ? emit`load_${kind}(${image} + from)` : emit`load_${kind}_part(${image} + from, min64(LANES, ${g.n} - channel))`;
}

/**
 * Loops over the vectors of dy's channels, or of those of the pool's result: `channel` and `from` are where one is, `to` where it goes.
 * `each`: what is done with it; `behind`: what is done behind each row.
 */
function forVectors([rows, columns]: Pair, g: WeightGradient, width: number, to: Code, each: Code, behind = emit``): Code {
  return emit`for (int64_t row = 0; row < ${rows}; row++) {
    for (int64_t column = 0; column < ${columns}; column++) {
      for (int64_t v = 0; v < ${width}; v++) {
        const int64_t channel = n + v * LANES, from = (row * ${columns} + column) * ${g.groups * g.n} + channel;
        ${to};
${each}      }
    }
${behind}  }
`;
}

/**
 * C function that brings `width` vectors of dy's channels, from `n` on, of one image (or a pair) side by side: `rows` and `columns` of
 * them, zeros behind those that are there. `ahead` as in `emitStageBlocks`.
 */
export function emitStageDy(
  name: OwnName,
  dtype: ComputeType,
  compute: Compute,
  g: WeightGradient,
  width: number,
  lanes: number,
  [rows, columns]: Pair = [g.outHeight, g.outWidth],
  ahead = 0,
): Code {
  const { type, store, stage } = STAGED[compute];
  const value = store('to', stage(dtype, ofImages(dyLoad(g, lanes))));
  const parameters = emit`const ${cType(dtype)} *first, const ${cType(dtype)} *second, ${type} *staged, int64_t n`;
  const right = (columns - g.outWidth) * width * lanes;
  const below = (rows - g.outHeight) * columns * width * lanes;
  const zeros = (from: Code, count: number, indent: string) =>
    count === 0 ? emit`` : emit`${indent}memset(staged + ${from}, 0, ${count} * sizeof *staged);\n`;
  const to = emit`${type} *to = staged + ((row * ${columns} + column) * ${width} + v) * LANES`;
  const rightOf = zeros(emit`(row * ${columns} + ${g.outWidth}) * ${width * lanes}`, right, '    ');
  const belowAll = zeros(emit`${g.outHeight * columns * width * lanes}`, below, '  ');
  return emit`${head('static void', name, parameters)}
  (void)second;
  ${forVectors([g.outHeight, g.outWidth], g, width, to, emit`${askForNext(ahead, 'first')}        ${value}\n`, rightOf)}${belowAll}}
`;
}

/**
 * The same from the gradient of a 2x2 max pool's result and the pool's index: each number goes to one corner of its window, zeros to the
 * others. \`which\` points at the indices of the same elements.
 */
export function emitStagePooledDy(
  name: OwnName,
  dtype: ComputeType,
  compute: Compute,
  g: WeightGradient,
  width: number,
  lanes: number,
  ahead = 0,
): Code {
  const { type, vector, depth, store, stage, stageIndex, where } = STAGED[compute];
  const [windowRows, windowColumns] = [g.outHeight / 2, g.outWidth / 2];
  const load = dyLoad(g, lanes);
  const index = stageIndex(ofImages(load, ['which', 'which2']));
  const value = emit`const ${vector} value = ${stage(dtype, ofImages(load))}, place = ${index};`;
  const corner = (q: number) => {
    const to = emit`to + ${((q >> 1) * g.outWidth + (q & 1)) * width * lanes}`;
    return store(to, where('place', q, 'value'));
  };
  const corners = joined([0, 1, 2, 3].map((q) => emit`        ${corner(q)}\n`));
  const to = emit`${type} *to = staged + ((row * ${2 * g.outWidth} + column * 2) * ${width} + v) * LANES`;
  const each = emit`${askForNext(ahead, 'first', 'which')}        ${value}\n${corners}`;
  const unused = depth === 1 ? '  (void)second, (void)which2;\n' : '';
  const gradients = `const ${cType(dtype)} *first, const ${cType(dtype)} *second`;
  return emit`${head('static void', name, emit`${gradients}, const uint8_t *which, const uint8_t *which2, ${type} *staged, int64_t n`)}
${unused}  ${forVectors([windowRows, windowColumns], g, width, to, each)}}
`;
}
