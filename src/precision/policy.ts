import { userError } from '../diagnostics/diagnostic.js';
import type { PrecisionSpec, RulePolicy } from '../ir/program.js';

/** What sets the policies apart that decide by rules alone. */
interface PolicyRules {
  /**
   * Values that join or leave an accumulator, such as biases and parameter gradients, are f32; otherwise they have the format of their op.
   */
  readonly accumulatorsInF32: boolean;
  /**
   * A gradient has the format in which the forward op read its value, as the casts of PyTorch's autocast make it; otherwise the value's
   * own.
   */
  readonly gradientsAsRead: boolean;
  /** A learned value that joins others takes their format; otherwise its f32 is the widest. */
  readonly mastersFollow: boolean;
  /** What only low ops read, such as the images, is made in their format. */
  readonly lowersSources: boolean;
}

export const POLICY_RULES: Readonly<Record<RulePolicy, PolicyRules>> = {
  mixed: { accumulatorsInF32: true, gradientsAsRead: false, mastersFollow: true, lowersSources: true },
  autocast: { accumulatorsInF32: false, gradientsAsRead: true, mastersFollow: false, lowersSources: false },
};

/**
 * The policy that decides where no pin does. Throws UserError AMP6013 for `fastest` before its formats are chosen; in f32 there is nothing
 * to choose.
 */
export function rulePolicy({ policy, compute, chosen }: PrecisionSpec): RulePolicy {
  if (policy !== 'fastest') return policy;
  if (chosen !== undefined) return chosen.basis;
  if (compute === 'f32') return 'mixed';
  throw userError(
    'AMP6013',
    'policy fastest has no costs to choose by',
    'it compares measured times of the kernels',
    'compile for a backend that can time its kernels, such as cpu, or give a table of costs with --costs FILE',
  );
}
