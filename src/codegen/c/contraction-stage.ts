import type { DType } from '../../ir/types.js';
import { type Code, emit, joined } from '../code.js';
import { cType } from './formats.js';
import { head, note, type OwnName } from './kernel-code.js';

/** One image on its way from memory to the multiplications: widened, zero-padded, or paired. */
export interface Staging {
  readonly dtype: DType;
  /**
   * `f32`: widened to f32. `channel-pairs`: bf16, two channels in 32 bits. `image-pairs`: bf16, the same element of two images in 32 bits.
   * `joined`: 16 bits as they are; pairs of bf16 may begin at any element, also across positions.
   */
  readonly form: 'f32' | 'channel-pairs' | 'image-pairs' | 'joined';
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Channels of a position in memory: more than `channels` where those are one group's. */
  readonly pitch: number;
  readonly haloTop: number;
  readonly haloLeft: number;
  readonly stagedHeight: number;
  readonly stagedWidth: number;
}

interface Form {
  /** C type of a staged element. */
  readonly type: 'float' | 'uint32_t' | 'uint16_t';
  readonly bytes: 2 | 4;
  /** Channels that a staged element holds. */
  readonly channels: 1 | 2;
  /** Zeros behind the image, at least. */
  readonly behind: 0 | 1;
  /** Whether memory has it like that already, where it has no zeros around it. */
  readonly isInMemory: (s: Staging) => boolean;
  /** Statements that bring in the channels of `columns` neighbouring positions; `offset`: where they lie in their image. */
  readonly copy: (s: Staging, columns: number, offset: Code) => Code;
}

const FORMS: Readonly<Record<Staging['form'], Form>> = {
  f32: { type: 'float', bytes: 4, channels: 1, behind: 0, isInMemory: ({ dtype }) => dtype === 'f32', copy: widenPositions },
  'channel-pairs': { type: 'uint32_t', bytes: 4, channels: 2, behind: 0, isInMemory: hasPairs, copy: copyPairs },
  'image-pairs': { type: 'uint32_t', bytes: 4, channels: 1, behind: 0, isInMemory: () => false, copy: pairImages },
  joined: { type: 'uint16_t', bytes: 2, channels: 1, behind: 1, isInMemory: () => false, copy: copyWhole },
};

function hasPairs({ channels }: Staging): boolean {
  return channels % 2 === 0;
}

/** Staged elements of one position. */
export function stagedChannels(s: Staging): number {
  return Math.ceil(s.channels / FORMS[s.form].channels);
}

/** Staged elements of one image (or pair of images). With `joined`, a pair may begin at the last one: zeros follow. */
export function stagedSize(s: Staging): number {
  const size = s.stagedHeight * s.stagedWidth * stagedChannels(s);
  const { behind } = FORMS[s.form];
  return behind === 0 ? size : Math.ceil((size + behind) / 2) * 2;
}

/** C type of a staged element. */
export function stagedType(s: Staging): Form['type'] {
  return FORMS[s.form].type;
}

/** Bytes of a staged element. */
export function stagedBytes(s: Staging): Form['bytes'] {
  return FORMS[s.form].bytes;
}

/** Whether the image can be read where it is. */
export function isStagedAlready(s: Staging): boolean {
  const bare = s.haloTop === 0 && s.haloLeft === 0 && s.stagedHeight === s.height && s.stagedWidth === s.width;
  return bare && s.pitch === s.channels && FORMS[s.form].isInMemory(s);
}

/** Statements for each vector of `count` elements, and for the part of one that is left. */
function eachVector(count: number, step: Code, part: Code): Code {
  return emit`      int64_t i = 0;
      for (; i + LANES <= ${count}; i += LANES) ${step}
      if (i < ${count}) ${part}`;
}

function widenPositions(s: Staging, columns: number): Code {
  const count = columns * s.channels;
  const load = `load_${s.dtype}`;
  return eachVector(
    count,
    `store_f32(out + i, ${load}(in + i));`,
    emit`store_f32_part(out + i, ${load}_part(in + i, ${count} - i), ${count} - i);`,
  );
}

function pairImages(s: Staging, columns: number, offset: Code): Code {
  const count = columns * s.channels;
  const pair = (load: Code, tail: Code) => emit`pair_up(${load}(in + i${tail}), second == NULL ? (vh){0} : ${load}(in2 + i${tail}))`;
  const part = emit`store_vu_part(out + i, ${pair('load_h_part', emit`, ${count} - i`)}, ${count} - i);`;
  return emit`      const uint16_t *in2 = second + ${offset};
${eachVector(count, emit`store_vu(out + i, ${pair('load_h', '')});`, part)}`;
}

function copyWhole(s: Staging, columns: number): Code {
  return emit`      memcpy(out, in, ${columns * s.channels * 2});`;
}

/** An odd last channel is paired with a zero. */
function copyPairs(s: Staging, columns: number): Code {
  if (hasPairs(s)) return copyWhole(s, columns);
  return emit`      for (int64_t column = 0; column < ${columns}; column++) {
        out[column * ${stagedChannels(s)} + ${stagedChannels(s) - 1}] = 0;
        memcpy(out + column * ${stagedChannels(s)}, in + column * ${s.channels}, ${s.channels * 2});
      }`;
}

/** Statements that fill what surrounds the image with zeros. */
function zeroHalo(s: Staging): Code {
  const kc = stagedChannels(s);
  const bytes = stagedBytes(s);
  const rowSize = s.stagedWidth * kc;
  const left = s.haloLeft * kc;
  const right = (s.stagedWidth - s.haloLeft - s.width) * kc;
  const above = s.haloTop * rowSize;
  const below = stagedSize(s) - (s.haloTop + s.height) * rowSize;
  const zeros = (address: Code, count: number) => (count > 0 ? emit`memset(${address}, 0, ${count * bytes});` : '');
  const sides = [zeros('line', left), zeros(emit`line + ${left + s.width * kc}`, right)].filter((line) => line !== '');
  const lines = [zeros('staged', above), zeros(emit`staged + ${(s.haloTop + s.height) * rowSize}`, below)].filter((line) => line !== '');
  const rows = emit`  for (int64_t row = 0; row < ${s.height}; row++) {
    ${stagedType(s)} *line = staged + (row + ${s.haloTop}) * ${rowSize};
${joined(sides.map((line) => emit`    ${line}\n`))}  }
`;
  return emit`${joined(lines.map((line) => emit`  ${line}\n`))}${sides.length > 0 ? rows : ''}`;
}

/** C function \`name(first, second, staged)\`: brings one image (with \`image-pairs\` a second one, or NULL) into the staged form. */
export function emitStage(name: OwnName, s: Staging): Code {
  const type = stagedType(s);
  const kc = stagedChannels(s);
  const rowSize = s.stagedWidth * kc;
  const left = s.haloLeft * kc;
  const unused = s.form === 'image-pairs' ? '' : '  (void)second;\n';
  const offset = emit`row * ${s.width * s.pitch}`;
  const rows = emit`    const ${cType(s.dtype)} *in = first + ${offset};
    ${type} *out = staged + (row + ${s.haloTop}) * ${rowSize} + ${left};
    {
${FORMS[s.form].copy(s, s.width, offset)}
    }
`;
  const inGroup = emit`(row * ${s.width} + column) * ${s.pitch}`;
  // The channels of a group are side by side in one position only.
  const positions = emit`    for (int64_t column = 0; column < ${s.width}; column++) {
      const ${cType(s.dtype)} *in = first + ${inGroup};
      ${type} *out = staged + (row + ${s.haloTop}) * ${rowSize} + ${left} + column * ${kc};
      {
${FORMS[s.form].copy(s, 1, inGroup)}
      }
    }
`;
  const staged = `${s.stagedHeight}x${s.stagedWidth}x${kc} elements`;
  return emit`${note`One ${s.height}x${s.width}x${s.channels} image in ${s.dtype} to ${staged}, zeros around it.`}
${head('static void', name, emit`const ${cType(s.dtype)} *first, const ${cType(s.dtype)} *second, ${type} *staged`)}
${unused}${zeroHalo(s)}  for (int64_t row = 0; row < ${s.height}; row++) {
${s.pitch === s.channels ? rows : positions}  }
}
`;
}

/**
 * C function \`name(first, which, staged)\`: the same of the gradient of a 2x2 max pool, from that of the pool's result and the pool's
 * index. Each number goes to one corner of its window, zeros to the others.
 */
export function emitPooledStage(name: OwnName, s: Staging): Code {
  const type = stagedType(s);
  const kc = stagedChannels(s);
  const rowSize = s.stagedWidth * kc;
  const corner = (q: number) => emit`((${q} >> 1) * ${rowSize} + (${q} & 1) * ${kc})`;
  const paired = s.form === 'channel-pairs' && s.channels % 2 === 0;
  // One vector of 32 bits a lane: an f32, or a pair of bf16.
  const body = (last: boolean) => {
    const n = last ? emit`, ${kc} - c` : '';
    const part = last ? '_part' : '';
    const [value, place] = paired
      ? [
          emit`const vu value = load_vu${part}((const uint32_t *)in + c${n})`,
          emit`place = load_vu_u8${part}(at + 2 * c${last ? emit`, 2 * (${kc} - c)` : ''})`,
        ]
      : [emit`const vf value = load_${s.dtype}${part}(in + c${n})`, emit`place = load_u8${part}(at + c${n})`];
    const stored = (q: number) => (paired ? emit`halves_where(place, ${q}, value)` : `vf_and(place == vf_set(${q}.0f), value)`);
    const store = (q: number) => emit`store_${paired ? 'vu' : 'f32'}${part}(out + ${corner(q)} + c, ${stored(q)}${n});`;
    return joined([emit`${value}, ${place};`, ...[0, 1, 2, 3].map(store)].map((line) => emit`        ${line}\n`));
  };
  const vectors = emit`      int64_t c = 0;
      for (; c + LANES <= ${kc}; c += LANES) {
${body(false)}      }
      if (c < ${kc}) {
${body(true)}      }
`;
  // An odd last channel has no partner.
  const single = emit`      for (int64_t c = 0; c < ${s.channels}; c++) {
        for (int64_t q = 0; q < 4; q++) {
          uint16_t *half = (uint16_t *)(out + (q >> 1) * ${rowSize} + (q & 1) * ${kc}) + c;
          *half = at[c] == q ? in[c] : 0;
          if (c == ${s.channels - 1}) half[1] = 0;
        }
      }
`;
  const staged = `${s.stagedHeight}x${s.stagedWidth}x${kc} elements`;
  return emit`${note`The gradient of a pooled ${s.height}x${s.width}x${s.channels} image in ${s.dtype}, to ${staged}.`}
${head('static void', name, emit`const ${cType(s.dtype)} *first, const uint8_t *which, ${type} *staged`)}
${zeroHalo(s)}  for (int64_t row = 0; row < ${s.height / 2}; row++) {
    for (int64_t column = 0; column < ${s.width / 2}; column++) {
      const ${cType(s.dtype)} *in = first + (row * ${s.width / 2} + column) * ${s.pitch};
      const uint8_t *at = which + (row * ${s.width / 2} + column) * ${s.pitch};
      ${type} *out = staged + (2 * row + ${s.haloTop}) * ${rowSize} + (2 * column + ${s.haloLeft}) * ${kc};
${s.form === 'channel-pairs' && !paired ? single : vectors}    }
  }
}
`;
}
