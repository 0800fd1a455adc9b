import { type CompileOptions, compile } from '../choose/plan-file.js';
import { pickSettings } from '../choose/settings.js';
import type { Source } from '../diagnostics/diagnostic.js';
import { readSource } from '../files/source.js';
import { printGraph } from '../ir/print.js';
import { lowerProgram, withUsed } from '../lower/lower.js';
import { comparePlans } from '../memory/plan-memory.js';
import type { PlanDiff } from '../plan/diff.js';

/** A `.amp` file with all that it uses, as it is now. Throws UserError as `readSource`. */
export async function readWhole(file: string): Promise<Source> {
  return withUsed(await readSource(file));
}

/** What a source says, wherever it says it. Throws UserError for mistakes in it. */
function meaning(source: Source, options: CompileOptions): string {
  const { recipe, train, eval: evaluation } = lowerProgram(source, { overrides: pickSettings(options), images: 0 });
  const places = new Set(['line', 'span', 'loc']);
  const settings = JSON.stringify(recipe, (key, value: unknown) => (places.has(key) ? undefined : value));
  return [settings, ...[train, evaluation].map((graph) => printGraph(graph).replace(/ loc\(\d+:\d+\)/g, ''))].join('\n');
}

/**
 * How a source has changed: the difference of the plans, or undefined where it still says the same, as after a comment was written. Throws
 * UserError for mistakes in either.
 */
export async function sourceChange(before: Source, after: Source, options: CompileOptions): Promise<PlanDiff | undefined> {
  if (meaning(before, options) === meaning(after, options)) return undefined;
  const [first, second] = [await compile(before, options), await compile(after, options)];
  return comparePlans(first.plan, second.plan);
}
