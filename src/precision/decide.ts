import { type Pin, pinWhy } from '../ir/pin.js';
import type { RulePolicy } from '../ir/program.js';
import type { ComputeType, DType, Node } from '../ir/types.js';
import { isComputeType, isFloat, isLow } from '../ir/types.js';
import { reasons, type Why } from '../ir/why.js';
import type { OpDefinition, OperandSpec, PrecisionClass } from '../ops/op.js';
import { POLICY_RULES } from './policy.js';

/** What the decision for one node depends on, besides the node. */
export interface Situation {
  readonly policy: RulePolicy;
  readonly compute: ComputeType;
  /** Why everything is in f32 where the file says otherwise. */
  readonly computeReason?: Why | undefined;
  readonly pin: Pin | undefined;
  /** Formats of the operands as decided so far. */
  readonly operands: readonly DType[];
  /** Of the operands: whether each is a learned value, or repeats one. */
  readonly learned: readonly boolean[];
  /** On a backward node: the format of the forward value, and the format in which its layer's forward op read it. */
  readonly forward: { readonly own: DType; readonly read: DType | undefined } | undefined;
  /** On a `source` node: the classes of all ops that read it. */
  readonly consumers: readonly { readonly op: string; readonly precision: PrecisionClass }[];
}

export interface Decision {
  /** The format that each operand is read in. */
  readonly operands: readonly DType[];
  readonly result: DType;
  /** Undefined on a fixed node that gives no reason. */
  readonly why: Why | undefined;
  /** Why the operands are read in their formats: also where the result has its own reason. */
  readonly readWhy: Why;
}

/** The spec of operand `index`; a variadic last spec stands for all that follow. */
export function operandSpec(op: OpDefinition, index: number): OperandSpec {
  const spec = op.operands[Math.min(index, op.operands.length - 1)];
  if (spec === undefined) throw new Error(`no operand ${index}`);
  return spec;
}

function widest(formats: readonly DType[]): ComputeType {
  const floats = formats.filter(isComputeType);
  if (floats.includes('f32') || new Set(floats).size > 1) return 'f32';
  return floats[0] ?? 'f32';
}

/**
 * The formats that a `promote` op goes by. A master is f32 for its updates, so where it joins other values these decide, except as PyTorch
 * does.
 */
function joined(op: OpDefinition, at: Situation): readonly DType[] {
  const classOperands = at.operands.filter((_, index) => operandSpec(op, index).format === 'class');
  if (!POLICY_RULES[at.policy].mastersFollow) return classOperands;
  const others = at.operands.filter((_, index) => operandSpec(op, index).format === 'class' && at.learned[index] !== true);
  return others.length === 0 ? classOperands : others;
}

/** The class after pins: a pin to f32 makes any op `full`, a pin to a low format makes it `low`. */
function effectiveClass(op: OpDefinition, pin: Pin | undefined): PrecisionClass {
  if (pin === undefined || op.precision === 'fixed') return op.precision;
  return isLow(pin.dtype) ? 'low' : 'full';
}

/** The format of the op's `class` operands, before a backward node's own rule. */
function classFormat(node: Node, op: OpDefinition, precision: PrecisionClass, at: Situation): ComputeType {
  const classOperands = at.operands.filter((_, index) => operandSpec(op, index).format === 'class');
  switch (precision) {
    case 'low':
      return at.pin !== undefined && isLow(at.pin.dtype) ? at.pin.dtype : at.compute;
    case 'full':
      return 'f32';
    case 'promote':
      return widest(joined(op, at));
    case 'follow': {
      const first = classOperands.find(isComputeType) ?? at.operands.find(isComputeType);
      return first ?? 'f32';
    }
    case 'source': {
      const isLowered = at.consumers.length > 0 && at.consumers.every((c) => c.precision === 'low');
      return isLowered && POLICY_RULES[at.policy].lowersSources ? at.compute : 'f32';
    }
    case 'fixed':
      return isComputeType(node.type.dtype) ? node.type.dtype : 'f32';
  }
}

const IN_F32: Why = { rule: 'fp32', text: 'computes in f32' };
const READ_IN_F32: Why = { rule: 'source', text: 'read in f32' };
const LEAVES_IN_F32: Why = { rule: 'accumulator', text: 'gradients leave in f32' };
const computesLow = reasons('low', (op) => op);
const feeds = reasons('low', (op) => `feeds ${op}`);
const computesFull = reasons('full', (op) => op);
const widestIs = reasons('promote', (format) => `widest operand is ${format}`);
const operandIs = reasons('follow', (format) => `operand is ${format}`);
const valueIs = reasons('grad', (format) => `its value is ${format}`);

/** Why a node of a class that is decided reads what it reads. */
function reasonOf(node: Node, precision: Exclude<PrecisionClass, 'fixed'>, format: ComputeType, at: Situation): Why {
  if (at.pin !== undefined) return pinWhy(at.pin);
  switch (precision) {
    case 'low':
      return at.compute === 'f32' ? (at.computeReason ?? IN_F32) : computesLow(node.op);
    case 'full':
      return computesFull(node.op);
    case 'promote':
      return widestIs(format);
    case 'follow':
      return operandIs(format);
    case 'source':
      return format === 'f32' ? READ_IN_F32 : feeds(at.consumers[0]!.op);
  }
}

/**
 * Decides one node. Forward: by class. Backward: a gradient takes the format of its value; under `autocast`, and where the forward op ran
 * in f32, the format in which the forward op read it, as PyTorch's cast nodes do. So under `mixed` parameter gradients leave the
 * accumulator in f32, because the masters are f32.
 */
export function decide(node: Node, op: OpDefinition, at: Situation): Decision {
  const precision = effectiveClass(op, at.pin);
  const { accumulatorsInF32, gradientsAsRead } = POLICY_RULES[at.policy];
  let format = classFormat(node, op, precision, at);
  let result: DType = node.type.dtype;
  const reason = precision === 'fixed' ? computesFull(node.op) : reasonOf(node, precision, format, at);
  let why = reason;

  if (op.result === 'first') result = at.operands[0]!;
  if (op.result === 'class') result = precision === 'fixed' ? node.type.dtype : format;
  if (op.result === 'accumulator' && precision !== 'fixed') result = accumulatorsInF32 ? 'f32' : format;

  if (at.forward !== undefined && precision !== 'fixed' && isFloat(result)) {
    const reads = at.forward.read ?? at.forward.own;
    result = gradientsAsRead || precision === 'full' ? reads : at.forward.own;
    if (precision === 'follow' || precision === 'promote') {
      format = isComputeType(result) ? result : 'f32';
      why = valueIs(result);
    } else if (at.compute !== 'f32' && result === 'f32' && precision === 'low') {
      why = LEAVES_IN_F32;
    }
  }

  const operands = at.operands.map((dtype, index): DType => {
    const spec = operandSpec(op, index);
    if (!isFloat(dtype)) return dtype;
    if (spec.format === 'class') return precision === 'fixed' ? dtype : format;
    if (spec.format === 'accumulator') return accumulatorsInF32 ? 'f32' : format;
    // PyTorch has rounded the gradient of a low op's result before it sums the gradient of the bias.
    if (op.result === 'accumulator' && !accumulatorsInF32 && isLow(result)) return result;
    return spec.format === 'f32' ? 'f32' : dtype;
  });
  return { operands, result, why: precision === 'fixed' ? node.why : why, readWhy: precision === 'low' ? reason : why };
}
