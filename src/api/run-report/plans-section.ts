import type { Child } from '../../figures/markup.js';
import { formatBytes } from '../../numeric/bytes.js';
import type { PlanDiff } from '../../plan/diff.js';
import type { RunPlanDiff } from '../compare-runs.js';
import { heading, note, type PageSection, table } from './page.js';

/** Changes that are listed; of more the number is given. */
const MOST_CHANGES = 40;

function rowsOf({ settings, scaling, memory, formats, castsAdded, castsRemoved, ops }: PlanDiff): readonly (readonly string[])[] {
  const cast = (what: string) => (change: PlanDiff['castsAdded'][number]) => [what, change.value, change.from, change.to];
  return [
    ...settings.map(({ name, before, after }) => ['setting', name, before, after]),
    ...scaling.map(({ name, before, after }) => ['loss scale', name, before, after]),
    ...memory.map(({ name, before, after }) => ['memory', name, formatBytes(before), formatBytes(after)]),
    ...formats.map(({ layer, op, role, before, after }) => [
      'format',
      role === '' ? `${op} of ${layer}` : role,
      before.result,
      after.result,
    ]),
    ...castsAdded.map(cast('cast added')),
    ...castsRemoved.map(cast('cast removed')),
    ...ops.map(({ kind, layer, op, role, detail }) => [`op ${kind}`, role === '' ? `${op} of ${layer}` : role, '', detail]),
  ];
}

function contentOf({ run, diff, why }: RunPlanDiff, nameOf: (run: string) => string, first: string): readonly Child[] {
  const title = heading(`${nameOf(run)} against ${nameOf(first)}`);
  if (diff === null) return [title, note(`They cannot be compared: ${why}`)];
  const rows = rowsOf(diff);
  if (rows.length === 0) return [title, note('Their plans are the same.')];
  const left = rows.length - MOST_CHANGES;
  const more = left > 0 ? note(`${left} more; \`ampc compare --all\` lists all of them.`) : undefined;
  return [title, table(['what', 'of', 'before', 'after'], rows.slice(0, MOST_CHANGES)), more];
}

/** How the plans of runs differ from that of the first. */
export function plansSection(plans: readonly RunPlanDiff[], nameOf: (run: string) => string, first: string): PageSection {
  return { id: 'plans', title: 'Plans', content: plans.flatMap((plan) => contentOf(plan, nameOf, first)) };
}
