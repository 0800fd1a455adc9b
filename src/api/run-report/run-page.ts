import { knownCosts } from '../../choose/formats.js';
import { UserError } from '../../diagnostics/diagnostic.js';
import { type CostTable, stepCost } from '../../plan/cost-table.js';
import { basename } from '../../platform/path.js';
import { describeBackend } from '../../runtime/select.js';
import type { TestResult } from '../evaluate.js';
import type { EvaluateOptions } from '../model-options.js';
import { lastWeights } from '../stored-model.js';
import { curveFigures } from './curve-figures.js';
import { firstFilters } from './filters.js';
import { note, type PageSection, page } from './page.js';
import { curvesSection, summarySection } from './results-sections.js';
import type { RunFacts } from './run-facts.js';
import { filtersSection, planSection, sourceSection, testSection } from './sections.js';

/** The worst mistakes that a report shows, and the longest side of their pictures in pixels. */
export const SHOWN_MISTAKES = { worst: 24, pictures: 128 } as const satisfies EvaluateOptions;

async function filtersOf({ plan, summary }: RunFacts): Promise<readonly PageSection[]> {
  if (typeof plan === 'string') return [];
  try {
    const filters = await firstFilters(plan, await lastWeights(summary.run));
    return filters === undefined ? [] : [filtersSection(filters)];
  } catch (error) {
    if (error instanceof UserError) return [{ id: 'filters', title: 'First filters', content: [note(error.message)] }];
    throw error;
  }
}

const missing = (id: string, title: string, why: string): PageSection => ({ id, title, content: [note(`Not here: ${why}`)] });

/** Times of all the plan's kernels on the device of the run's backend, where this machine has measured them (`ampc tune`). */
export async function measuredCosts({ plan, choices }: RunFacts): Promise<CostTable | undefined> {
  if (typeof plan === 'string') return undefined;
  const costs = await knownCosts(await describeBackend(choices.backend), {});
  return costs !== undefined && stepCost(plan, 1, costs).estimated === 0 ? costs : undefined;
}

/** All that a report has of one run, with its test or why there is none, as a page that needs nothing else. Throws the system's error. */
export async function runPage(facts: RunFacts, test: TestResult | string): Promise<string> {
  const { run, model } = facts.summary;
  const sections = [
    summarySection(facts),
    curvesSection(curveFigures([facts], basename)),
    typeof test === 'string' ? missing('test', 'Test', test) : testSection(test),
    typeof facts.plan === 'string' ? missing('plan', 'Plan', facts.plan) : planSection(facts.plan, await measuredCosts(facts)),
    ...(await filtersOf(facts)),
    sourceSection(facts),
  ];
  return page(`${model ?? 'A run'}: ${basename(run)}`, [run], sections);
}
