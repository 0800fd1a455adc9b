import { DYNAMIC_SCALING } from '../../ir/loss-scaling.js';
import type { LossScaling, PolicyName } from '../../ir/program.js';
import { type ComputeType, FORMATS, LIMITS, type LowType, type PrecisionName } from '../../numeric/formats.js';
import { formatMagnitude } from '../../numeric/magnitude.js';
import { type Word, type Words, word } from '../setting.js';

const fraction = (dtype: ComputeType) => `${FORMATS[dtype].fractionBits} bits of fraction`;

export const COMPUTE_FORMATS = {
  fp16: word(`half precision: ${fraction('f16')}, largest value ${formatMagnitude(LIMITS.f16.largest)}`, {}, () => 'f16'),
  bf16: word(`bfloat16: ${fraction('bf16')}, the range of fp32`, {}, () => 'bf16'),
  fp32: word('single precision: no mixed precision at all', {}, () => 'f32'),
} satisfies { readonly [Name in PrecisionName]: Word<ComputeType> };

export const WIRE_FORMATS = {
  fp32: word('as they are', {}, () => undefined),
  bf16: word('half the bytes, with the range of fp32', {}, () => 'bf16'),
  fp16: word('half the bytes; what is too large becomes an infinity, which the loss scale notices', {}, () => 'f16'),
} satisfies { readonly [Name in PrecisionName]: Word<LowType | undefined> };

export const POLICIES = {
  mixed: word('keeps gradients of parameters and biases in fp32 and casts each weight once a step', {}, () => 'mixed'),
  autocast: word("decides as PyTorch's autocast would", {}, () => 'autocast'),
  fastest: word('chooses formats by measured time, for each machine; pins and the rules that need fp32 hold', {}, () => 'fastest'),
} satisfies { readonly [Name in PolicyName]: Word<Name> };

const { init, growth, backoff, interval, floor, cap, abortAfter } = DYNAMIC_SCALING;
const SCALE = { kind: 'number', above: 0, max: 1e37 } as const;
const STEPS = { kind: 'int', min: 1, max: 2 ** 31 - 1 } as const;

export const LOSS_SCALES = {
  dynamic: word(
    "finds the largest scale that does not overflow, as PyTorch's GradScaler",
    {
      init: { ...SCALE, default: init, doc: 'first scale' },
      growth: { kind: 'number', default: growth, min: 1, max: 65536, doc: 'factor after `interval` steps without overflow' },
      backoff: { kind: 'number', default: backoff, above: 0, below: 1, doc: 'factor after an overflow, whose step is skipped' },
      interval: { ...STEPS, default: interval, doc: 'steps without overflow before the scale grows' },
      floor: { ...SCALE, default: floor, doc: 'smallest scale' },
      cap: { ...SCALE, default: cap, doc: 'largest scale' },
      abort_after: {
        ...STEPS,
        default: abortAfter,
        doc: 'skipped steps in a row after which the run stops and says where the overflow is',
      },
    },
    ({ abort_after, ...args }, { sink, span }) => {
      if (args.init < args.floor || args.init > args.cap)
        sink.error('AMP4009', span, `the loss scale starts at ${args.init}, outside of its bounds ${args.floor} to ${args.cap}`, {
          why: 'the scale stays between `floor` and `cap`',
          fix: 'change `init`, `floor` or `cap`',
        });
      return { kind: 'dynamic', ...args, abortAfter: abort_after };
    },
  ),
  static: word('always the same scale', { scale: { ...SCALE, doc: 'the scale' } }, ({ scale }) => ({ kind: 'static', scale })),
  none: word('no scaling', {}, () => ({ kind: 'none' })),
} satisfies Words<LossScaling>;
