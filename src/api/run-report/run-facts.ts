import { shellWord } from '../../diagnostics/shell-word.js';
import { divideEpoch, stepsPerEpoch } from '../../ir/epoch.js';
import type { Plan } from '../../plan/plan.js';
import type { TrainEvent } from '../../training/events.js';
import { type RunSummary, readRunStory } from '../list-runs.js';
import { type RunChoices, readRun } from '../runs.js';
import { planOfRun } from '../saved-plan.js';

/** What a report shows of a run, read from its folder. */
export interface RunFacts {
  readonly summary: RunSummary;
  readonly events: readonly TrainEvent[];
  /** Steps of an epoch; undefined in runs of older versions, which do not say how many images they had. */
  readonly epochSteps: number | undefined;
  /** The plan that it has now, or why there is none. */
  readonly plan: Plan | string;
  /** The text of its `.amp` file. */
  readonly source: string;
  /** The version of ampc that trained it last. */
  readonly version: string | undefined;
  /** Of its choices, the command that trains it again. */
  readonly command: string;
  readonly choices: RunChoices;
}

/** `ampc train` with the options that a run was started with, but for where its data lay and where it was to be. */
export function trainCommand(file: string, choices: RunChoices): string {
  const { backend, settings, shuffle, augment, maxSteps, limit, replan, keepBest, histograms } = choices;
  const { precision, policy, batch, epochs, seed, set = [] } = settings;
  const options = { precision, policy, batch, epochs, seed, 'max-steps': maxSteps, limit, replan, 'keep-best': keepBest };
  const valued = { backend, ...options };
  const words = Object.entries(valued).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
  const flags = [...(shuffle ? [] : ['--no-shuffle']), ...(augment ? [] : ['--no-augment']), ...(histograms ? ['--histograms'] : [])];
  return ['ampc', 'train', file, ...words, ...flags, ...set.flatMap((one) => ['--set', one])].map(shellWord).join(' ');
}

/** Throws UserError AMP7205 where `dir` holds no run. */
export async function readRunFacts(dir: string): Promise<RunFacts> {
  const { summary, events } = await readRunStory(dir);
  const { source, choices, train, version } = await readRun(dir);
  const { images } = choices;
  const epochSteps =
    images === undefined || train?.batch === undefined
      ? undefined
      : stepsPerEpoch(divideEpoch(images, train.batch, train.accumulate ?? 1, train.dropLast ?? true));
  return {
    summary,
    events,
    epochSteps,
    plan: await planOfRun(dir),
    source: source.text,
    version,
    command: trainCommand(source.path.split(/[\\/]/).at(-1)!, choices),
    choices,
  };
}
