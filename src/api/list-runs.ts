import { UserError, userError } from '../diagnostics/diagnostic.js';
import { isFolder } from '../files/is-folder.js';
import { isRecord } from '../files/json-form.js';
import { fileReason, isSystemError } from '../files/reason.js';
import { readFile, stat } from '../platform/files.js';
import { join } from '../platform/path.js';
import { checkpointFacts } from '../training/checkpoint.js';
import type { RunSettings } from '../training/checkpoint-metadata.js';
import type { EpochEvent, TrainEvent } from '../training/events.js';
import { type KeptWeights, readKept } from '../training/kept-weights.js';
import { readEvents } from '../training/metrics-file.js';
import { RUN_FILES, sourceIn } from '../training/run-folder.js';
import { isHeld } from '../training/run-lock.js';
import { storedSettings } from '../training/run-settings.js';
import { type RunResults, runResults } from '../training/run-summary.js';
import { DEPTH, foldersIn, holdsRun } from './run-folders.js';

/** Where runs go, and are looked for, when nobody says where. */
export const RUNS = 'runs';

/** A run as `ampc runs` lists it. */
export interface RunSummary extends RunResults {
  /** Its folder. */
  readonly run: string;
  readonly model: string | null;
  readonly device: string | null;
  /** Learned numbers; null before its metrics begin. */
  readonly parameters: number | null;
  /** That it is to train, as it was last asked for. */
  readonly epochsAsked: number | null;
  /** When its metrics were last written, in ISO 8601; null where there are none. */
  readonly updated: string | null;
  /** What it keeps with `--keep-best`, the best first. */
  readonly kept: readonly KeptWeights[];
  /** Lines of its metrics that are no events: cut off, or damaged. */
  readonly damagedLines: number;
  /** By the names that `--set` takes. `layers` is a hash of the model. */
  readonly settings: RunSettings;
}

/** A folder that holds no run which can be read. */
export interface NoRun {
  readonly folder: string;
  readonly why: string;
  /** Whether it is a run of which something is damaged or missing; else it is something else. */
  readonly damaged: boolean;
}

export interface RunList {
  readonly dir: string;
  readonly runs: readonly RunSummary[];
  /** Settings that are not the same in all runs, the model first. */
  readonly differing: readonly string[];
  readonly others: readonly NoRun[];
}

export interface RunStory {
  readonly summary: RunSummary;
  readonly events: readonly TrainEvent[];
  readonly epochs: readonly EpochEvent[];
}

function notARun(dir: string, why: string): UserError {
  return userError('AMP7205', `${dir} is not the folder of a run`, why, 'give the folder that ampc train named; ampc runs lists them');
}

async function readConfig(dir: string): Promise<Readonly<Record<string, unknown>>> {
  const path = join(dir, RUN_FILES.config);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw notARun(dir, `${RUN_FILES.config} is damaged: ${error.message}`);
    const isNone = isSystemError(error) && error.code === 'ENOENT';
    throw notARun(dir, isNone && (await isFolder(dir)) ? `it has no ${RUN_FILES.config}` : fileReason(error));
  }
  if (isRecord(value) && sourceIn(value) !== undefined) return value;
  throw notARun(dir, `its ${RUN_FILES.config} is not what ampc train writes`);
}

/** What the files of a run say of it. Reads only, also while it is trained. Throws UserError AMP7205 where `dir` holds no run. */
export async function readRunStory(dir: string): Promise<RunStory> {
  const config = await readConfig(dir);
  try {
    const { events, damaged } = await readEvents(dir);
    const facts = await checkpointFacts(join(dir, RUN_FILES.checkpoint));
    const start = events.find((event) => event.event === 'start');
    const settings = storedSettings(config);
    const asked = Number(settings['train.epochs'] ?? Number.NaN);
    const written = await stat(join(dir, RUN_FILES.metrics)).catch(() => undefined);
    const summary: RunSummary = {
      run: dir,
      ...runResults(events, { isHeld: await isHeld(dir), step: facts?.position.step, seconds: facts?.position.seconds }),
      model: settings.model ?? start?.model ?? null,
      device: typeof config.device === 'string' ? config.device : null,
      parameters: start?.parameters ?? null,
      epochsAsked: Number.isFinite(asked) ? asked : null,
      updated: written?.mtime.toISOString() ?? null,
      kept: await readKept(dir),
      damagedLines: damaged,
      settings: facts?.layers === undefined ? settings : { ...settings, layers: facts.layers },
    };
    return { summary, events, epochs: events.filter((event) => event.event === 'epoch') };
  } catch (error) {
    throw isSystemError(error) ? notARun(dir, fileReason(error)) : error;
  }
}

/** What of settings people ask for first. */
const FIRST = [
  'model',
  'layers',
  'file',
  'dataset.name',
  'precision.compute',
  'precision.policy',
  'train.optimizer',
  'train.optimizer.lr',
  'train.batch',
  'train.seed',
];

function rank(key: string): number {
  const place = FIRST.indexOf(key);
  return place < 0 ? FIRST.length : place;
}

/** The settings that are not the same everywhere, most asked for first. `layers` counts among runs that know theirs. */
export function differingSettings(runs: readonly Pick<RunSummary, 'settings'>[]): readonly string[] {
  const keys = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  const differs = (key: string) => {
    const values = runs.map(({ settings }) => settings[key]).filter((value) => key !== 'layers' || value !== undefined);
    return new Set(values).size > 1;
  };
  return keys.filter(differs).sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

interface Found {
  readonly runs: readonly RunSummary[];
  readonly others: readonly NoRun[];
}

/** The runs in a folder: itself, or those below it. A folder in which there is none is told as one. */
async function search(dir: string, depth: number): Promise<Found> {
  const none = (why: string, damaged = false): Found => ({ runs: [], others: [{ folder: dir, why, damaged }] });
  try {
    if (await holdsRun(dir)) return { runs: [(await readRunStory(dir)).summary], others: [] };
    if (depth === 0) return none(`it is more than ${DEPTH} folders down`);
    const found = await searchBelow(dir, depth);
    if (found.runs.length > 0) return found;
    const broken = found.others.filter(({ damaged }) => damaged);
    return broken.length > 0 ? { runs: [], others: broken } : none('it holds no run');
  } catch (error) {
    if (error instanceof UserError) return none(error.diagnostics[0]?.why ?? error.message, true);
    if (isSystemError(error)) return none(fileReason(error));
    throw error;
  }
}

async function searchBelow(dir: string, depth: number): Promise<Found> {
  const found: Found[] = [];
  for (const name of await foldersIn(dir)) found.push(await search(join(dir, name), depth - 1));
  return { runs: found.flatMap(({ runs }) => runs), others: found.flatMap(({ others }) => others) };
}

/**
 * The runs in `dir` and in folders below it. What is damaged, or no run, is among `others` and keeps none from being listed. Throws
 * UserError AMP6204 where there is no such folder.
 */
export async function listRuns(dir = RUNS): Promise<RunList> {
  if (!(await isFolder(dir)))
    throw userError(
      'AMP6204',
      `there is no folder ${dir}`,
      dir === RUNS ? 'ampc train puts runs there, in the folder in which it is called' : undefined,
      'name the folder that holds the runs: ampc runs DIR',
    );
  const { runs, others } = (await holdsRun(dir)) ? await search(dir, 0) : await searchBelow(dir, DEPTH);
  return { dir, runs, differing: differingSettings(runs), others };
}
