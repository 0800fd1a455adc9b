import type { FoundPin } from '../ir/pin.js';
import type { Plan } from '../plan/plan.js';
import { join } from '../platform/path.js';
import { saveCheckpoint } from './checkpoint.js';
import type { RunSettings, Scores } from './checkpoint-metadata.js';
import { averagedStates } from './evaluated.js';
import { isBetter, KeptBest } from './kept-weights.js';
import type { TrainOptions } from './options.js';
import type { Watch } from './overflow/watch.js';
import type { Progress } from './progress.js';
import { writes } from './ranks.js';
import { RUN_FILES, saved } from './run-folder.js';
import type { SessionPlan } from './session-plan.js';
import type { Snapshot } from './snapshot.js';
import { saveWeights } from './weights.js';

/** The plan that a run has now, with what it was made from. */
export interface Adopted {
  readonly plan: Plan;
  readonly settings: RunSettings;
  readonly pins: readonly FoundPin[];
  /** The epoch that it took over with. */
  readonly phase: number;
}

/** Writes weights and checkpoints of a run; what is not finite never takes the place of what is. */
export class RunKeeper {
  private savedAt = performance.now();
  private readonly run: string;
  private readonly isWriter: boolean;
  private readonly kept: KeptBest | undefined;
  /** The step of the run's checkpoint. */
  savedStep: number;

  /** `refuse` is told the state that is not finite, and says so. */
  constructor(
    { run, keepBest, ranks }: Pick<TrainOptions, 'run' | 'keepBest' | 'ranks'>,
    private readonly sessionPlan: SessionPlan,
    private readonly progress: Progress,
    private readonly watch: Watch,
    private readonly refuse: (state: string) => Promise<void>,
  ) {
    this.run = run;
    this.isWriter = writes(ranks);
    this.savedStep = progress.step;
    this.kept = keepBest === undefined ? undefined : new KeptBest(run, keepBest, sessionPlan.stepsPerEpoch, progress.step);
  }

  /** Whether the time for a checkpoint has come: every so many steps, or else seconds, about which several ranks have `agreed`. */
  isDue(steps: number | undefined, seconds: number, agreed?: boolean): boolean {
    if (steps !== undefined) return this.progress.step % steps === 0;
    return agreed ?? performance.now() - this.savedAt >= 1000 * seconds;
  }

  private async isFinite({ broken }: Snapshot): Promise<boolean> {
    if (broken === undefined) return true;
    await this.refuse(broken);
    return false;
  }

  /**
   * Unless they are not finite: last.safetensors, and best.safetensors when there is none or `scores` beat all before (first come, first
   * kept). Where averages are kept these have what is evaluated, and a file beside them the other.
   */
  async saveLast({ plan }: Adopted, present: Snapshot, scores: Scores | undefined): Promise<void> {
    const { run, progress, sessionPlan } = this;
    if (!(await this.isFinite(present))) return;
    if (!this.isWriter) {
      if (progress.best === undefined || (scores !== undefined && isBetter(scores, progress.best))) progress.best = scores;
      return;
    }
    const { evaluated } = sessionPlan;
    const averaged = evaluated && averagedStates(plan, present.states);
    const states = evaluated === 'average' ? (averaged ?? present.states) : present.states;
    if (averaged !== undefined) {
      const [name, others] = states === averaged ? [RUN_FILES.lastRaw, present.states] : [RUN_FILES.lastAverage, averaged];
      await saved(join(run, name), saveWeights(join(run, name), plan, others));
    }
    const [lastPath, bestPath] = [join(run, RUN_FILES.last), join(run, RUN_FILES.best)];
    await saved(lastPath, saveWeights(lastPath, plan, states));
    if (scores !== undefined) await this.kept?.add(plan, states, scores, progress.step);
    if (progress.best !== undefined && (scores === undefined || !isBetter(scores, progress.best))) return;
    await saved(bestPath, saveWeights(bestPath, plan, states));
    progress.best = scores;
  }

  /** Unless its states are not finite. All reported steps must have been drained. */
  async checkpoint({ plan, settings, pins, phase }: Adopted, present: Snapshot): Promise<void> {
    if (!(await this.isFinite(present))) return;
    const { state } = this.progress;
    this.savedStep = state.step;
    if (!this.isWriter) return;
    const { course, groupCourses, rate } = this.sessionPlan;
    const rates = {
      course,
      ...(Object.keys(groupCourses).length > 0 && { groupCourses }),
      rate: state.step > 0 ? rate(state.step - 1) : undefined,
    };
    const path = join(this.run, RUN_FILES.checkpoint);
    await saved(
      path,
      saveCheckpoint(
        path,
        plan,
        settings,
        { ...state, ...rates, watch: this.watch.state, pins, ...(phase > 0 && { phase }) },
        present.states,
      ),
    );
    this.savedAt = performance.now();
  }
}
