import type { LossScaling, Pin, Recipe } from '../ir/program.js';
import type { Graph, Loc, Node } from '../ir/types.js';
import { precisionName } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';
import { findPin } from './pins.js';

/** What a warning is about; the caller finds the place in the source. */
export type LintPlace =
  | { readonly kind: 'setting'; readonly section: 'precision' | 'train'; readonly name: string }
  | { readonly kind: 'pin'; readonly pin: Pin }
  | { readonly kind: 'layer'; readonly loc: Loc };

export interface LintFinding {
  readonly code: LintCode;
  readonly message: string;
  readonly why: string;
  readonly fix: string;
  readonly place: LintPlace | undefined;
}

export interface LintInput {
  readonly recipe: Recipe;
  /** What `recipe.precision` comes to. */
  readonly scaling: LossScaling;
  /** The forward pass as trained, before precision is assigned. */
  readonly forward: Graph;
  /** Optimizer steps of the whole run; undefined when the size of the data set is not known. */
  readonly steps: number | undefined;
}

export const LINTS = {
  AMP4201: { title: 'eps that vanishes', meaning: 'A term that keeps a division finite is too small for the formats around it.' },
  AMP4202: { title: 'loss scale that never grows', meaning: 'The run ends before the first growth interval does.' },
  AMP4203: {
    title: 'pinned to a low format against its nature',
    meaning: 'Exponentials and sums of many terms need the range and the digits of fp32.',
  },
  AMP4204: {
    title: 'weight decay on normalisation',
    meaning: 'Decay pulls the scales and shifts of batch_norm to 0 as well, which regularises nothing.',
  },
  AMP4205: { title: 'fp16 without loss scaling', meaning: 'Gradients below 6e-8 become 0 in fp16.' },
  AMP4206: { title: 'loss scale too large for fp16', meaning: 'The very first gradient, that of the logits, would overflow.' },
  AMP4207: { title: 'loss scaling that protects nothing', meaning: 'Only fp16 has a range so short that gradients need a scale.' },
  AMP4208: {
    title: 'loss on probabilities',
    meaning: 'Cross entropies take the softmax, or the sigmoid, themselves, so the model has to end with logits.',
  },
} as const;

export type LintCode = keyof typeof LINTS;

/** Largest finite f16, and the smallest positive one. */
const F16_MAX = 65504;
const F16_MIN = 2 ** -24;

type Lint = (input: LintInput) => readonly LintFinding[];

function number(value: number): string {
  return value.toLocaleString('en-US', Number.isInteger(value) ? {} : { maximumSignificantDigits: 4 });
}

/** The format that a forward node would be computed in, as far as pins and the compute format tell. */
function computesIn(node: Node, { precision }: Recipe): 'f32' | 'f16' | 'bf16' {
  return findPin(node, precision.pins)?.dtype ?? precision.compute;
}

/** Adam divides by sqrt(v) + eps, batch_norm by sqrt(variance + eps). */
const vanishingEps: Lint = ({ recipe, forward }) => {
  const findings: LintFinding[] = [];
  const { optimizer } = recipe.train;
  if (optimizer.kind !== 'sgd' && optimizer.eps === 0) {
    findings.push({
      code: 'AMP4201',
      message: `the eps of ${optimizer.kind} is 0`,
      why: 'a parameter whose gradient is 0 is then updated by 0 / 0, which is NaN',
      fix: 'use eps: 1e-8',
      place: { kind: 'setting', section: 'train', name: 'optimizer' },
    });
  }
  for (const node of forward.nodes) {
    if (node.op !== 'batch_norm') continue;
    const eps = Number(node.attrs.eps);
    const gain = 1 / Math.sqrt(Math.fround(eps));
    if (gain <= F16_MAX || (Number.isFinite(gain) && computesIn(node, recipe) !== 'f16')) continue;
    findings.push({
      code: 'AMP4201',
      message: `the eps of ${node.layer}, ${eps}, is too small`,
      why: `a channel that is constant over a batch has variance 0, and its gradient is then multiplied by 1 / sqrt(eps) = ${Number.isFinite(gain) ? number(gain) : 'infinity'}; the largest fp16 is ${number(F16_MAX)}`,
      fix: 'use eps: 1e-5',
      place: node.loc && { kind: 'layer', loc: node.loc },
    });
  }
  return findings;
};

/** Of a scale that the file writes; the default one is right for most runs however short they are. */
const scaleNeverGrows: Lint = ({ recipe, scaling, steps }) => {
  if (
    recipe.precision.lossScaling === undefined ||
    scaling.kind !== 'dynamic' ||
    steps === undefined ||
    scaling.growth === 1 ||
    scaling.interval <= steps
  )
    return [];
  return [
    {
      code: 'AMP4202',
      message: `the loss scale grows after ${number(scaling.interval)} steps, the run has ${number(steps)}`,
      why: 'after an overflow the scale would stay low for the rest of the run, and small gradients would vanish',
      fix: `use an interval of at most ${number(Math.max(1, Math.floor(steps / 5)))}`,
      place: { kind: 'setting', section: 'precision', name: 'loss_scale' },
    },
  ];
};

/** A pin names an op or a layer: each is asked for what it would lower. */
const fullOpPinnedLow: Lint = ({ recipe, forward }) => {
  const loss: Pick<Node, 'op' | 'layer'> = { op: recipe.train.loss.kind, layer: 'loss' };
  const candidates = [...forward.nodes, loss as Node];
  return recipe.precision.pins.flatMap((pin): LintFinding[] => {
    if (pin.dtype === 'f32') return [];
    const lowered = candidates.filter((node) => node.layer !== '' && findPin(node, recipe.precision.pins) === pin);
    const op = lowered.find((node) => {
      const { precision, operands } = opDefinition(node.op);
      return precision === 'full' && operands.some(({ format }) => format === 'class');
    })?.op;
    if (op === undefined) return [];
    const why =
      pin.dtype === 'f16'
        ? 'exp overflows fp16 above 11.09, and a sum of probabilities keeps 3 digits'
        : 'bf16 keeps 2 to 3 digits of a probability';
    return [
      {
        code: 'AMP4203',
        message: `\`keep ${pin.pattern} in ${precisionName(pin.dtype)}\` lowers ${op}`,
        why,
        fix: `remove the line: ${op} runs in fp32 by itself, on few values`,
        place: { kind: 'pin', pin },
      },
    ];
  });
};

const decayOnNorms: Lint = ({ recipe, forward }) => {
  const { weightDecay, decayNorms, kind } = recipe.train.optimizer;
  const norms = new Set(forward.nodes.filter((node) => node.op === 'batch_norm').map((node) => node.layer));
  if (weightDecay === 0 || decayNorms === false || norms.size === 0) return [];
  const names = [...norms];
  return [
    {
      code: 'AMP4204',
      message: `weight decay ${weightDecay} also shrinks ${names.slice(0, 2).join(', ')}${names.length > 2 ? ` and ${names.length - 2} more` : ''}`,
      why: 'the scale and shift of a normalisation and the biases are no weights that could overfit; decay only moves what the layer has learnt',
      fix: `write ${kind}(…, decay_norms: false) to decay weights alone`,
      place: { kind: 'setting', section: 'train', name: 'optimizer' },
    },
  ];
};

const unscaledF16: Lint = ({ recipe, scaling }) => {
  const { compute, pins } = recipe.precision;
  if (scaling.kind !== 'none' || compute === 'bf16') return [];
  const pin = pins.find(({ dtype }) => dtype === 'f16');
  if (compute !== 'f16' && pin === undefined) return [];
  return [
    {
      code: 'AMP4205',
      message: compute === 'f16' ? 'fp16 without loss scaling' : `\`keep ${pin!.pattern} in fp16\` without loss scaling`,
      why: `gradients smaller than ${F16_MIN.toExponential(0)} become 0 in fp16, and what they would have taught is lost`,
      fix: 'use loss_scale dynamic(), or compute bf16',
      place: compute === 'f16' ? { kind: 'setting', section: 'precision', name: 'loss_scale' } : { kind: 'pin', pin: pin! },
    },
  ];
};

/**
 * The largest gradient of a logit when training starts, where all classes are about equally likely, without loss scale: (p - y) / N of
 * cross_entropy, 2 (x - y) / (N C) of mse, (1/2 - y) / (N C) of binary_cross_entropy.
 */
function firstLogitGradient({ train, classes }: Recipe): number {
  const images = train.batch * train.accumulate;
  if (train.loss.kind === 'mse') return 2 / (images * classes);
  if (train.loss.kind === 'binary_cross_entropy') return 0.5 / (images * classes);
  return ((1 - train.loss.labelSmoothing) * (1 - 1 / classes)) / images;
}

const scaleTooLarge: Lint = ({ recipe, scaling, forward }) => {
  const logits = forward.nodes[forward.outputs.logits!]!;
  if (scaling.kind === 'none' || computesIn(logits, recipe) !== 'f16') return [];
  const limit = F16_MAX / firstLogitGradient(recipe);
  const place = { kind: 'setting', section: 'precision', name: 'loss_scale' } as const;
  const why = `the gradient of the logits starts at ${firstLogitGradient(recipe).toPrecision(2)} times the scale, and the largest fp16 is ${number(F16_MAX)}`;
  if (scaling.kind === 'static') {
    if (scaling.scale <= limit) return [];
    const fix = `use a scale below ${number(limit)}, with room for larger gradients, or loss_scale dynamic()`;
    return [{ code: 'AMP4206', message: `a loss scale of ${number(scaling.scale)} overflows in the first step`, why, fix, place }];
  }
  if (scaling.floor > limit)
    return [
      {
        code: 'AMP4206',
        message: `the loss scale may not fall below ${number(scaling.floor)}, where the first gradient overflows`,
        why,
        fix: 'remove `floor`: it is 1 by default',
        place,
      },
    ];
  if (scaling.init <= limit) return [];
  const skips = Math.ceil(Math.log(limit / scaling.init) / Math.log(scaling.backoff));
  return [
    {
      code: 'AMP4206',
      message: `a loss scale that starts at ${number(scaling.init)} skips the first ${skips === 1 ? 'step' : `${skips} steps`}${skips >= scaling.abortAfter ? ', and the run then stops' : ''}`,
      why,
      fix: `use init: ${number(2 ** Math.floor(Math.log2(limit / 16)))}`,
      place,
    },
  ];
};

const uselessScaling: Lint = ({ recipe, scaling }) => {
  const { compute, pins } = recipe.precision;
  if (scaling.kind === 'none' || compute === 'f16' || pins.some(({ dtype }) => dtype === 'f16')) return [];
  return [
    {
      code: 'AMP4207',
      message: `loss scaling with ${precisionName(compute)}`,
      why: `${precisionName(compute)} has the range of fp32: gradients do not vanish, and the finite check and the scaling cost time`,
      fix: 'remove loss_scale',
      place: { kind: 'setting', section: 'precision', name: 'loss_scale' },
    },
  ];
};

/** What ends the model, whatever view of it the loss reads. */
function lastOp({ nodes, outputs }: Graph): Node {
  let node = nodes[outputs.logits!]!;
  while (node.op === 'reshape') node = nodes[node.inputs[0]!]!;
  return node;
}

/** What a loss makes of the result of an op that gives probabilities, or their logarithms; undefined when it is meant for them. */
function onProbabilities(op: string, { train, classes }: Recipe): Pick<LintFinding, 'message' | 'why'> | undefined {
  const { kind } = train.loss;
  if (kind === 'mse' || !['softmax', 'log_softmax', 'sigmoid'].includes(op)) return undefined;
  const message = `${kind} reads the result of ${op}, not logits`;
  if (kind === 'binary_cross_entropy') {
    if (op === 'sigmoid')
      return {
        message: 'binary_cross_entropy on probabilities: rewritten to the logits that sigmoid reads',
        why: 'the logarithm of a probability that was rounded to 0 or 1 is infinite; of the logits, the same loss is finite',
      };
    return { message, why: 'binary_cross_entropy takes the sigmoid of each class itself: of probabilities it lies between 0.5 and 0.73' };
  }
  if (op === 'log_softmax')
    return {
      message,
      why: 'cross_entropy takes the logarithm of the softmax itself, and a second one changes nothing but the time of a step',
    };
  const least = Math.log(Math.E + classes - 1) - 1;
  return {
    message,
    why: `cross_entropy takes the softmax itself: of values between 0 and 1 it is nearly flat, its gradients are small, and the loss of ${classes} classes cannot fall below ${least.toFixed(2)}`,
  };
}

const lossOnProbabilities: Lint = ({ recipe, forward }) => {
  const { op, layer, loc } = lastOp(forward);
  const found = onProbabilities(op, recipe);
  if (found === undefined) return [];
  const rewritten = recipe.train.loss.kind === 'binary_cross_entropy' && op === 'sigmoid';
  const remove = `remove ${op} from the end of the model: the same class is the largest`;
  const fix = rewritten ? `leave it, for a model that gives probabilities, or ${remove}` : remove;
  return [{ code: 'AMP4208', ...found, fix, place: loc && layer !== '' ? { kind: 'layer', loc } : undefined }];
};

const CHECKS: readonly Lint[] = [
  vanishingEps,
  scaleNeverGrows,
  fullOpPinnedLow,
  decayOnNorms,
  unscaledF16,
  scaleTooLarge,
  uselessScaling,
  lossOnProbabilities,
];

/** What is known to go wrong in mixed precision and is no error. */
export function lint(input: LintInput): readonly LintFinding[] {
  return CHECKS.flatMap((check) => check(input));
}
