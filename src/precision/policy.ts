import { userError } from '../diagnostics/diagnostic.js';
import type { PrecisionSpec, RulePolicy } from '../ir/program.js';

/** The policy that decides where no pin does. Throws UserError AMP6013 for `fastest` before its formats are chosen; in f32 there is nothing to choose. */
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
