import { type Code, emit } from '../code.js';
import type { Convolution } from './contraction-geometry.js';
import { emitPooledStage, emitStage, isStagedAlready, type Staging, stagedBytes, stagedSize, stagedType } from './contraction-stage.js';
import type { KernelContext } from './kernel.js';
import { called } from './kernel-code.js';

/** How a convolution's images are staged in the given form. */
export function stagingOf(context: KernelContext, c: Convolution, form: Staging['form']): Staging {
  return {
    dtype: context.type(c.source).dtype,
    form,
    height: c.height,
    width: c.width,
    channels: c.k,
    pitch: c.groups * c.k,
    haloTop: c.haloTop,
    haloLeft: c.haloLeft,
    stagedHeight: c.stagedHeight,
    stagedWidth: c.stagedWidth,
  };
}

/** How the tasks of a convolution come by their images. */
export interface TaskImages {
  /** Scratch that they take, a multiple of 64 bytes; none when they are read where they are. */
  readonly bytes: number;
  /** C function that brings in one image, if there is one. */
  readonly code: Code;
  /** Statements that make `x` the staged images from `first` to `last`, at the start of the scratch; of the group `group`. */
  readonly load: Code;
}

/** Images of a convolution's source, or made of the gradient of a pool's result where the plan has the kernel do so. */
export function taskImages(context: KernelContext, c: Convolution, staging: Staging, perTask: number): TaskImages {
  const { name } = context;
  const type = stagedType(staging);
  const placed = context.isMember(c.source) ? context.node(c.source) : undefined;
  const source = context.pointer(placed === undefined ? c.source : placed.inputs[0]!);
  const size = (placed === undefined ? 1 : 1 / 4) * c.height * c.width * staging.pitch;
  const image = c.groups === 1 ? emit`image * ${size}` : emit`image * ${size} + group * ${c.k}`;
  if (placed === undefined && isStagedAlready(staging))
    return { bytes: 0, code: '', load: emit`  const ${type} *x = (const ${type} *)(${source} + first * ${size});\n` };
  const second = placed === undefined ? 'NULL' : emit`${context.pointer(placed.inputs[1]!)} + ${image}`;
  const stage = emit`${called(name.and('_stage'), emit`${source} + ${image}, ${second}, x + (image - first) * ${stagedSize(staging)}`)};`;
  return {
    bytes: Math.ceil((perTask * stagedSize(staging) * stagedBytes(staging)) / 64) * 64,
    code: (placed === undefined ? emitStage : emitPooledStage)(name.and('_stage'), staging),
    load: emit`  ${type} *x = (${type} *)${context.scratch(0)};
  for (int64_t image = first; image < last; image++) ${stage}
`,
  };
}
