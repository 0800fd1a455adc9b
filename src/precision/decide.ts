import type { Pin, RulePolicy } from '../ir/program.js';
import type { DType, FloatType, Node } from '../ir/types.js';
import { isFloat } from '../ir/types.js';
import type { OpDefinition, OperandSpec, PrecisionClass } from '../ops/op.js';

/** What the decision for one node depends on, besides the node. */
export interface Situation {
  readonly policy: RulePolicy;
  readonly compute: FloatType;
  /** Why everything is in f32 where the file says otherwise. */
  readonly computeReason?: string | undefined;
  readonly pin: Pin | undefined;
  /** Formats of the operands as decided so far. */
  readonly operands: readonly DType[];
  /** On a backward node: the format of the forward value, and the format in which its layer's forward op read it. */
  readonly forward: { readonly own: DType; readonly read: DType | undefined } | undefined;
  /** On a `source` node: the classes of all ops that read it. */
  readonly consumers: readonly { readonly op: string; readonly precision: PrecisionClass }[];
}

export interface Decision {
  /** The format that each operand is read in. */
  readonly operands: readonly DType[];
  readonly result: DType;
  /** Rule id and reason: `low: conv2d`. */
  readonly why: string | undefined;
  /** Why the operands are read in their formats: also where the result has its own reason. */
  readonly readWhy: string | undefined;
}

/** The spec of operand `index`; a variadic last spec stands for all that follow. */
export function operandSpec(op: OpDefinition, index: number): OperandSpec {
  const spec = op.operands[Math.min(index, op.operands.length - 1)];
  if (spec === undefined) throw new Error(`no operand ${index}`);
  return spec;
}

function widest(formats: readonly DType[]): FloatType {
  const floats = formats.filter(isFloat);
  if (floats.includes('f32') || new Set(floats).size > 1) return 'f32';
  return floats[0] ?? 'f32';
}

/** The class after pins: a pin to f32 makes any op `full`, a pin to a low format makes it `low`. */
function effectiveClass(op: OpDefinition, pin: Pin | undefined): PrecisionClass {
  if (pin === undefined || op.precision === 'fixed') return op.precision;
  return pin.dtype === 'f32' ? 'full' : 'low';
}

/** The format of the op's `class` operands, before a backward node's own rule. */
function classFormat(node: Node, op: OpDefinition, precision: PrecisionClass, at: Situation): FloatType {
  const classOperands = at.operands.filter((_, index) => operandSpec(op, index).format === 'class');
  switch (precision) {
    case 'low':
      return at.pin !== undefined && at.pin.dtype !== 'f32' ? at.pin.dtype : at.compute;
    case 'full':
      return 'f32';
    case 'promote':
      return widest(classOperands);
    case 'follow': {
      const first = classOperands.find(isFloat) ?? at.operands.find(isFloat);
      return first ?? 'f32';
    }
    case 'source':
      return at.policy === 'mixed' && at.consumers.length > 0 && at.consumers.every((c) => c.precision === 'low') ? at.compute : 'f32';
    case 'fixed':
      return isFloat(node.type.dtype) ? node.type.dtype : 'f32';
  }
}

function reason(node: Node, precision: PrecisionClass, format: FloatType, at: Situation): string | undefined {
  if (precision === 'fixed') return node.why;
  if (at.pin !== undefined) return at.pin.reason ?? `pin: keep ${at.pin.pattern} in ${languageName(at.pin.dtype)} (line ${at.pin.line})`;
  switch (precision) {
    case 'low':
      return at.compute === 'f32' ? (at.computeReason ?? 'fp32: computes in f32') : `low: ${node.op}`;
    case 'full':
      return `full: ${node.op}`;
    case 'promote':
      return `promote: widest operand is ${format}`;
    case 'follow':
      return `follow: operand is ${format}`;
    case 'source':
      return format === 'f32' ? 'source: read in f32' : `low: feeds ${at.consumers[0]?.op}`;
  }
}

function languageName(dtype: FloatType): string {
  return { f32: 'fp32', f16: 'fp16', bf16: 'bf16' }[dtype];
}

/**
 * Decides one node. Forward: by class. Backward: a gradient takes the format of its value; under `autocast`, and where the forward op ran in
 * f32, the format in which the forward op read it, as PyTorch's cast nodes do. So under `mixed` parameter gradients leave the accumulator
 * in f32, because the masters are f32.
 */
export function decide(node: Node, op: OpDefinition, at: Situation): Decision {
  const precision = effectiveClass(op, at.pin);
  let format = classFormat(node, op, precision, at);
  let result: DType = node.type.dtype;
  const readWhy = reason(node, precision, format, at);
  let why = readWhy;

  if (op.result === 'class') result = precision === 'fixed' ? node.type.dtype : format;
  if (op.result === 'accumulator' && precision !== 'fixed') result = at.policy === 'mixed' ? 'f32' : format;

  if (at.forward !== undefined && precision !== 'fixed' && isFloat(result)) {
    const reads = at.forward.read ?? at.forward.own;
    result = at.policy === 'autocast' || precision === 'full' ? reads : at.forward.own;
    if (precision === 'follow' || precision === 'promote') {
      format = isFloat(result) ? result : 'f32';
      why = `grad: its value is ${result}`;
    } else if (at.compute !== 'f32' && result === 'f32' && precision === 'low') {
      why = 'accumulator: gradients leave in f32';
    }
  }

  const operands = at.operands.map((dtype, index): DType => {
    const spec = operandSpec(op, index);
    if (!isFloat(dtype)) return dtype;
    if (spec.format === 'class') return precision === 'fixed' ? dtype : format;
    if (spec.format === 'accumulator') return at.policy === 'mixed' ? 'f32' : format;
    // PyTorch has rounded the gradient of a low op's result before it sums the gradient of the bias.
    if (op.result === 'accumulator' && at.policy === 'autocast' && isFloat(result) && result !== 'f32') return result;
    return spec.format === 'f32' ? 'f32' : dtype;
  });
  return { operands, result, why, readWhy: precision === 'low' ? readWhy : why };
}
