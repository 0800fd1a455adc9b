import { PARTS } from '../../codegen/c/sections.js';
import { userError } from '../../diagnostics/diagnostic.js';

/** How many compilers of a plan may run side by side: `AMPC_CC_JOBS`. Throws UserError AMP6052. */
export function compilerJobs({ AMPC_CC_JOBS: text }: NodeJS.ProcessEnv = process.env): number {
  if (!text) return PARTS;
  if (/^[1-9]\d*$/.test(text)) return Math.min(Number(text), PARTS);
  throw userError(
    'AMP6052',
    `AMPC_CC_JOBS is ${text}`,
    'it is how many compilers may run side by side: a whole number above 0',
    'correct or unset AMPC_CC_JOBS',
  );
}
