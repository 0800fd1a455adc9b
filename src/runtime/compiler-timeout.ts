import { userError } from '../diagnostics/diagnostic.js';

/** Half an hour: deep networks take minutes, and machines are busy. */
const DEFAULT_SECONDS = 1800;

/** A day: timers of Node count no further than 24 of them. */
const MOST_SECONDS = 86_400;

/** How long a compiler may take: `AMPC_CC_TIMEOUT` in seconds. Throws UserError AMP6052. */
export function compilerTimeoutMs(env: NodeJS.ProcessEnv = process.env): number {
  const { AMPC_CC_TIMEOUT: text } = env;
  if (!text) return DEFAULT_SECONDS * 1000;
  const seconds = Number(text);
  if (seconds > 0 && seconds <= MOST_SECONDS) return Math.ceil(seconds * 1000);
  throw userError(
    'AMP6052',
    `AMPC_CC_TIMEOUT is ${text}`,
    `it is the most seconds that a C compiler may take: above 0 and at most ${MOST_SECONDS}`,
    'correct or unset AMPC_CC_TIMEOUT',
  );
}
