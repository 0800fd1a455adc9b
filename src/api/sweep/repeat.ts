import { join } from 'node:path';
import { type Source, userError } from '../../diagnostics/diagnostic.js';
import { RUNS } from '../list-runs.js';
import { stem } from '../runs.js';
import { divideSettings } from './definition.js';
import { type SweepOptions, type SweepOutcome, sweep } from './sweep.js';

/**
 * A sweep in which the seed alone varies: `seeds` runs, from the seed of the file or of `options.seed` on, by default in
 * `runs/<file>-runs`. The one row of its table has the statistics. Throws UserError as `sweep`, and AMP6205 where a setting has several
 * values.
 */
export async function repeat(input: string | Source, options: SweepOptions & { readonly seeds: number }): Promise<SweepOutcome> {
  const [axis] = divideSettings(options.set ?? []).axes;
  if (axis !== undefined)
    throw userError(
      'AMP6205',
      `${axis.key} has several values, and these runs differ in their seed alone`,
      'their statistics would be of runs that are not alike',
      `give one value, or call ampc sweep with --set ${axis.key}=${axis.values.join(',')} --seeds ${options.seeds}`,
    );
  const file = typeof input === 'string' ? input : input.path;
  return sweep(input, { ...options, out: options.out ?? join(RUNS, `${stem(file)}-runs`) });
}
