import { given } from '../given.js';
import { comparePlans } from '../memory/plan-memory.js';
import type { PlanDiff } from '../plan/diff.js';
import type { Plan } from '../plan/plan.js';
import { join } from '../platform/path.js';
import type { EpochEvent } from '../training/events.js';
import { RUN_FILES } from '../training/run-folder.js';
import { differingSettings, type RunSummary, readRunStory } from './list-runs.js';
import { planOfRun, withSavedPlan } from './saved-plan.js';

type Epoch = Pick<EpochEvent, 'epoch' | 'train_loss' | 'validation_loss' | 'validation_accuracy' | 'test_loss' | 'test_accuracy'>;

export interface RunCurve {
  readonly run: string;
  readonly epochs: readonly Epoch[];
}

/** How the plan of a run differs from that of the first one; without a difference where one of them cannot be read, and `why`. */
export interface RunPlanDiff {
  readonly run: string;
  readonly diff: PlanDiff | null;
  readonly why: string | null;
}

export interface RunComparison {
  readonly runs: readonly RunSummary[];
  /** Settings that are not the same in all runs. */
  readonly differing: readonly string[];
  /** One for each run, in their order. */
  readonly curves: readonly RunCurve[];
  /** One for each run but the first. */
  readonly plans: readonly RunPlanDiff[];
}

async function diffOf(run: string, first: Plan | string): Promise<RunPlanDiff> {
  const plan = await planOfRun(run);
  if (typeof first === 'string') return { run, diff: null, why: first };
  if (typeof plan === 'string') return { run, diff: null, why: plan };
  return { run, diff: await withSavedPlan(join(run, RUN_FILES.plan), () => comparePlans(first, plan)), why: null };
}

/** Settings, results by epoch and plans of runs beside each other. Throws UserError AMP7205 where a folder holds no run. */
export async function compareRuns(dirs: readonly string[]): Promise<RunComparison> {
  const stories = await Promise.all(dirs.map(readRunStory));
  const runs = stories.map(({ summary }) => summary);
  const [first, ...others] = dirs;
  const plan = first === undefined ? '' : await planOfRun(first);
  return {
    runs,
    differing: differingSettings(runs),
    curves: stories.map(({ summary, epochs }) => ({
      run: summary.run,
      epochs: epochs.map(({ epoch, train_loss, validation_loss, validation_accuracy, test_loss, test_accuracy }) => {
        return { epoch, train_loss, test_loss, test_accuracy, ...given({ validation_loss, validation_accuracy }) };
      }),
    })),
    plans: await Promise.all(others.map((run) => diffOf(run, plan))),
  };
}
