import type { Source } from '../diagnostics/diagnostic.js';
import { printNode } from '../ir/print.js';
import { printPlan } from '../plan/print.js';
import { loadDataset } from '../training/data/load.js';
import type { TrainEvent, TrainProgress } from '../training/events.js';
import { train as runTraining, type TrainResult } from '../training/loop.js';
import { refuseExistingRun } from '../training/run-folder.js';
import { type BackendChoice, compileToRun, type Runnable } from './compile.js';
import { latestRunFolder, newRunFolder, type RunChoices, readRun, runConfig } from './runs.js';
import { mergeSettings, type Settings } from './settings.js';
import { readSource } from './source.js';

export interface TrainOptions extends Settings {
  /** Default `auto`; for a resumed run, the backend that it was started with. */
  readonly backend?: BackendChoice | undefined;
  /** Folder of the data set; default $AMPC_DATA, else a cache folder. */
  readonly data?: string | undefined;
  /** Run folder; default `runs/<file>-<number>`. */
  readonly out?: string | undefined;
  /** Continue the run in this folder; `true` means the one in `out`, else the newest run of the file. */
  readonly resume?: string | boolean | undefined;
  /** Stop after so many optimizer steps; default for a resumed run: where it was to stop, unless it has already. */
  readonly maxSteps?: number | undefined;
  /** Safetensors file with the weights to start from. */
  readonly init?: string | undefined;
  readonly shuffle?: boolean | undefined;
  readonly augment?: boolean | undefined;
  /** A step event every so many steps; default 50. */
  readonly logEvery?: number | undefined;
  /** Worker threads; 0 (the default) means all cores. */
  readonly threads?: number | undefined;
  /** A file with a table of costs for policy `fastest`, instead of those measured on this machine. */
  readonly costs?: string | undefined;
  /** Told what takes a while before the run starts. */
  readonly onNotice?: ((text: string) => void) | undefined;
  readonly checkpointSteps?: number | undefined;
  /** Aborting it ends the run after the running step, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: TrainEvent) => void) | undefined;
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
}

export interface TrainOutcome extends TrainResult {
  /** The run folder. */
  readonly run: string;
}

async function resumedRun(file: string, { resume, out }: TrainOptions): Promise<string | undefined> {
  if (resume === undefined || resume === false) return undefined;
  if (typeof resume === 'string') return resume;
  return out ?? latestRunFolder(file);
}

/** The choices of this call, on top of those that a resumed run was started with. */
async function resolveChoices(run: string | undefined, options: TrainOptions): Promise<Partial<RunChoices> & { settings: Settings }> {
  const earlier = run === undefined ? undefined : (await readRun(run)).choices;
  return {
    backend: options.backend === undefined || options.backend === 'auto' ? earlier?.backend : options.backend,
    settings: mergeSettings(earlier?.settings ?? {}, options),
    shuffle: options.shuffle ?? earlier?.shuffle ?? true,
    augment: options.augment ?? earlier?.augment ?? true,
    ...given({ maxSteps: options.maxSteps ?? earlier?.maxSteps, formats: earlier?.formats }),
  };
}

function describeNode({ plan }: Runnable) {
  return (name: string, id: number): string => {
    const graph = plan.functions.find((fn) => fn.name === name)?.graph;
    const node = graph?.nodes[id];
    return graph === undefined || node === undefined ? `%${id} of ${name}` : printNode(graph, node).trim();
  };
}

/** Drops what was left out: the training loop's own defaults hold then. */
function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/**
 * Trains a `.amp` file (a path, or a source text with the name to show for it), or continues a run to the same bits.
 * Throws UserError for mistakes in the file and for everything that is missing on this machine.
 */
export async function train(input: string | Source, options: TrainOptions = {}): Promise<TrainOutcome> {
  const source = typeof input === 'string' ? await readSource(input) : input;
  const resumed = await resumedRun(source.path, options);
  const choices = await resolveChoices(resumed, options);
  const { shuffle = true, augment = true } = choices;
  const { formats } = choices;
  const { costs, threads, onNotice } = options;
  const runnable = await compileToRun(source, {
    ...choices.settings,
    backend: choices.backend ?? options.backend,
    formats,
    costs,
    threads,
    onNotice,
  });
  const { plan, program, backend, info } = runnable;
  const { recipe } = program;
  const dataset = await loadDataset(recipe.dataset.name, options.data);
  const run = resumed ?? options.out ?? (await newRunFolder(source.path));
  if (resumed === undefined) await refuseExistingRun(run);
  const executable = await backend.load(plan, given({ threads: options.threads }));
  try {
    const config = runConfig(runnable, { ...choices, backend: info.name as RunChoices['backend'], shuffle, augment });
    const { init, logEvery, checkpointSteps, signal, onEvent, onProgress } = options;
    const result = await runTraining({
      plan,
      executable,
      recipe,
      dataset,
      run,
      shuffle,
      augment,
      resume: resumed !== undefined,
      contents: { source, config, plan: printPlan(plan) },
      passedStopIsNone: options.maxSteps === undefined,
      describeNode: describeNode(runnable),
      ...given({ device: info.device, maxSteps: choices.maxSteps, init, logEvery, checkpointSteps, signal, onEvent, onProgress }),
    });
    return { ...result, run };
  } finally {
    await executable.dispose();
  }
}
