import type { Node } from '../ir/types.js';
import type { RuleId } from '../ir/why.js';

/** What a rule of the precision pass says. */
export interface Rule {
  readonly title: string;
  readonly meaning: string;
}

/** What each rule means; its id stands before the colon of a plan line's `why`, and docs/precision.md has an example of each. */
export const RULES = {
  low: {
    title: 'computes in the low format',
    meaning: 'Convolutions and matrix products read the compute format, add up in f32 and round once; what only they read is made in it.',
  },
  full: { title: 'computes in f32', meaning: 'Losses, softmax and statistics lose too much range or digits in a low format.' },
  promote: { title: 'takes the widest operand', meaning: 'Ops that join values take the widest float format among them.' },
  follow: {
    title: 'takes the format of its operand',
    meaning: 'Ops that neither need more digits nor save time keep the format that they get.',
  },
  source: {
    title: 'is made where integers become floats',
    meaning: 'It takes the format that all of its readers want, and f32 when they differ.',
  },
  grad: { title: 'a gradient takes the format of its value', meaning: 'The backward op runs in the format in which the forward op ran.' },
  accumulator: {
    title: 'leaves the accumulator in f32',
    meaning: 'Sums are formed in f32; the gradient of a parameter is not rounded on the way to its f32 master.',
  },
  pin: { title: 'the file says so', meaning: 'A `keep` line of the precision section decides; the last one that matches wins.' },
  range: {
    title: 'overflowed when it was calibrated',
    meaning: 'A calibration measured, or could not rule out, a magnitude that fp16 cannot hold; `--calibration` keeps the layer in f32.',
  },
  overflow: {
    title: 'overflowed in this run',
    meaning: 'The value overflowed fp16 several times while training; `--replan` keeps its layer in f32 from there on.',
  },
  fastest: {
    title: 'measured to be faster',
    meaning: 'Policy `fastest` chose this format by the measured times of the kernels; pins and the rules that need f32 hold.',
  },
  storage: {
    title: 'is stored so between steps',
    meaning:
      '`masters` and `optimizer_state` store states in a low format; updates read them exactly, compute in f32 and round what they leave.',
  },
  fp32: { title: 'the file computes in fp32', meaning: 'There is no low format to choose.' },
  fixed: {
    title: 'part of what the op is',
    meaning: 'The loss scale, bookkeeping, and what is stored in f32 have one format under every policy.',
  },
} as const satisfies Readonly<Record<RuleId, Rule>>;

/** The rule that decided a node. */
export function ruleOf({ why }: Pick<Node, 'why'>): RuleId {
  return why?.rule ?? 'fixed';
}
