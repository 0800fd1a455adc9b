import { type Code, emit, fixed } from '../code.js';
import type { Depthwise } from './depthwise-geometry.js';
import { cType } from './formats.js';
import type { KernelContext } from './kernel.js';
import { head, type OwnName } from './kernel-code.js';

/** The weight as f32, [taps][k][all channels of the results]: where it is, the pitch of its last axis, and what packs it, if anything. */
export interface DepthwiseWeights {
  readonly pointer: Code;
  readonly pitch: number;
  readonly code: Code;
  readonly launches: readonly { readonly name: OwnName; readonly tasks: number }[];
}

/**
 * The weight of a convolution has its elements in that order already, that of its gradient has [taps][n][all channels of the source]. Where
 * order, format and vectors fit, it is read where it is.
 */
export function depthwiseWeights(context: KernelContext, d: Depthwise, weight: number): DepthwiseWeights {
  const { lanes } = context.target;
  const { dtype } = context.type(weight);
  const { k, n, groups } = d;
  const channels = groups * n;
  const inOrder = d.rows.forward || (k === 1 && n === 1);
  const source = context.pointer(weight);
  if (inOrder && dtype === 'f32' && channels % lanes === 0) return { pointer: source, pitch: channels, code: '', launches: [] };
  const pitch = Math.ceil(channels / lanes) * lanes;
  const taps = d.rows.taps * d.columns.taps;
  const packed = context.workspace(taps * k * pitch * 4);
  const name = context.name.and('_pack');
  const row = emit`  for (int64_t c = 0; c < ${k}; c++) {
    const ${cType(dtype)} *in = ${source} + (task * ${k} + c) * ${channels};
    float *out = (float *)${packed} + (task * ${k} + c) * ${pitch};
    int64_t i = 0;
    for (; i + LANES <= ${channels}; i += LANES) store_f32(out + i, load_${dtype}(in + i));
    if (i < ${channels}) store_f32(out + i, load_${dtype}_part(in + i, ${channels} - i));
  }
`;
  const turned = emit`  for (int64_t c = 0; c < ${k}; c++) {
    float *out = (float *)${packed} + (task * ${k} + c) * ${pitch};
    for (int64_t i = 0; i < ${pitch}; i++) {
      const int64_t from = (task * ${n} + i % ${fixed(n)}) * ${groups * k} + i / ${fixed(n)} * ${k} + c;
      out[i] = i < ${channels} ? load_${dtype}_part(${source} + from, 1)[0] : 0.0f;
    }
  }
`;
  const code = emit`${head('static void', name, 'void *const *p, int64_t task')}\n${inOrder ? row : turned}}\n`;
  return { pointer: `((const float *)${packed})`, pitch, code, launches: [{ name, tasks: taps }] };
}
