import type { DataFacts } from '../datasets/source.js';
import type { Source } from '../diagnostics/diagnostic.js';
import { readFile } from '../platform/files.js';
import { join } from '../platform/path.js';
import { type Check, fields, isCount, isNumber, isText, listOf, optional } from './json-form.js';

/** The form of `DataFacts` in config.json of a run. */
export const IS_FACTS: Check = fields({
  classes: listOf(isText),
  images: fields({ train: isCount, test: isCount }),
  image: optional(listOf(isCount)),
  statistics: optional(fields({ mean: listOf(isNumber), std: listOf(isNumber) })),
});

const isKept = fields({ data: optional(isText), facts: IS_FACTS });

/** What a run in `dir` knows of its data, for the `.amp` file that lies in it; undefined where it is no run, or knows nothing. */
export async function readKeptData(dir: string): Promise<Source['data']> {
  try {
    const found: unknown = JSON.parse(await readFile(join(dir, 'config.json'), 'utf8'));
    if (!isKept(found)) return undefined;
    const { data, facts } = found as { readonly data?: string; readonly facts: DataFacts };
    return { facts, ...(data !== undefined && { path: data }) };
  } catch {
    return undefined;
  }
}
