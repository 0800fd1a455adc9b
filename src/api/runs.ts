import { effectivePrecision } from '../choose/effective-precision.js';
import type { StoredFormats } from '../choose/formats.js';
import type { Runnable } from '../choose/plan-file.js';
import { POLICIES, PRECISIONS, pickSettings, type Settings } from '../choose/settings.js';
import type { DataFacts } from '../datasets/source.js';
import { type Source, UserError, userError } from '../diagnostics/diagnostic.js';
import {
  type Check,
  fields,
  isBoolean,
  isCount,
  isNumber,
  isRecord,
  isText,
  listOf,
  oneOf,
  optional,
  wrongField,
} from '../files/json-form.js';
import { IS_FACTS } from '../files/kept-data.js';
import { isThere } from '../files/system-error.js';
import { VERSION } from '../files/version.js';
import { given } from '../given.js';
import type { TrainSpec } from '../ir/program.js';
import { precisionName } from '../ir/types.js';
import { BACKEND_NAMES, type BackendName } from '../plan/target.js';
import { readdir } from '../platform/files.js';
import { basename, join, resolve } from '../platform/path.js';
import { RunClaim } from '../training/run-claim.js';
import { openRun, RUN_FILES } from '../training/run-folder.js';
import { readStoredPins, storePin } from '../training/stored-pins.js';
import { RUNS } from './list-runs.js';

/** Codes of a folder that another run, process or person has. */
const TAKEN = new Set(['AMP7204', 'AMP7207', 'AMP7208']);

/** What a run needs to be continued or evaluated as it was started; part of config.json. */
export interface RunChoices {
  readonly backend: BackendName;
  readonly settings: Settings;
  readonly shuffle: boolean;
  readonly augment: boolean;
  /** `--max-steps`; a resumed run still stops there; one that has stopped there already goes on without. */
  readonly maxSteps?: number;
  /** `--keep-best`: of the best weights. */
  readonly keepBest?: number;
  /** `--limit`: images that it is trained on, and tested, at most. */
  readonly limit?: number;
  /** `--replan`: overflows of one value after which its layer is pinned. */
  readonly replan?: number;
  /** `--histograms`: what is recorded for TensorBoard. */
  readonly histograms?: boolean;
  /** Training images of an epoch; not in runs of older versions. */
  readonly images?: number;
  /** Names of the classes, and the folder that the data set was in; not in runs of older versions. */
  readonly classes?: readonly string[];
  readonly data?: string;
  /** What its files said that the model follows, and what was measured of the images. */
  readonly facts?: DataFacts;
  /** What policy `fastest` chose, and pins besides the file's: a run keeps them, whatever is measured later. */
  readonly formats?: StoredFormats;
}

/** config.json of a run whose source is called `file`: the choices, and for a reader everything that follows from them. */
export function runConfig(runnable: Runnable, file: string, { formats: _, ...choices }: RunChoices): unknown {
  const { program, plan, info, formats } = runnable;
  return {
    ampc: VERSION,
    file,
    ...choices,
    settings: pickSettings(choices.settings),
    ...formats,
    ...(formats?.pins && { pins: formats.pins.map(storePin) }),
    device: info.device,
    precision: precisionName(plan.precision),
    policy: plan.policy,
    effectivePrecision: effectivePrecision(runnable),
    recipe: program.recipe,
  };
}

/** What the source of a run knows of its data: where that is, by default where the run had it, and what it was. */
export function dataOf({ data, facts }: Pick<RunChoices, 'data' | 'facts'>, asked: string | undefined): Source['data'] {
  const path = asked === undefined ? data : resolve(asked);
  return path === undefined && facts === undefined ? undefined : given({ path, facts });
}

interface StoredConfig extends Partial<Omit<RunChoices, 'formats'>>, StoredFormats {
  readonly ampc?: string;
  readonly recipe?: { readonly train?: Partial<TrainSpec> };
}

export interface StoredRun {
  readonly source: Source;
  readonly choices: RunChoices;
  /** The version of ampc that trained it last. */
  readonly version: string | undefined;
  /** What it was last to train by, as resolved, as far as its version says. */
  readonly train: Partial<TrainSpec> | undefined;
  /** What it was last to train for, as resolved. */
  readonly epochs: number | undefined;
  /** Written before there was `drop_last`: it leaves out the images that fill no whole step. */
  readonly dropsLast: boolean;
}

/** The form of what config.json keeps for a run that goes on. Runs of older versions lack what is optional. */
const CHOICES = {
  backend: oneOf(BACKEND_NAMES),
  settings: fields({
    precision: optional(oneOf(PRECISIONS)),
    policy: optional(oneOf(POLICIES)),
    batch: optional(isCount),
    epochs: optional(isNumber),
    seed: optional(isCount),
    set: optional(listOf(isText)),
  }),
  shuffle: isBoolean,
  augment: isBoolean,
  maxSteps: optional(isCount),
  replan: optional(isCount),
  histograms: optional(isBoolean),
  limit: optional(isCount),
  keepBest: optional(isCount),
  images: optional(isCount),
  classes: optional(listOf(isText)),
  data: optional(isText),
  facts: optional(IS_FACTS),
  recipe: optional(fields({ train: optional(fields({ epochs: optional(isNumber), dropLast: optional(isBoolean) })) })),
} as const satisfies Record<Exclude<keyof RunChoices, 'formats'> | 'recipe', Check>;

/** The `.amp` file and the choices of the run in `dir`. Throws UserError AMP7205 when it holds none. */
export async function readRun(dir: string): Promise<StoredRun> {
  const { source, config } = await openRun(dir);
  const path = join(dir, RUN_FILES.config);
  const wrong = isRecord(config) ? wrongField(config, CHOICES) : 'backend';
  if (wrong !== undefined)
    throw userError(
      'AMP7205',
      `${path} is damaged`,
      `its \`${wrong}\` is not what ampc train writes`,
      'restore the file, or start a new run',
    );
  const { ampc, pins, fastest, recipe, ...known } = config as unknown as RunChoices & StoredConfig;
  const stored = pins && readStoredPins(pins, path);
  const formats =
    stored === undefined && fastest === undefined ? undefined : { ...(stored && { pins: stored }), ...(fastest && { fastest }) };
  const { backend, settings, shuffle, augment, maxSteps, replan, histograms, limit, keepBest, images, classes, data, facts } = known;
  const choices: RunChoices = {
    backend,
    settings,
    shuffle,
    augment,
    ...given({ maxSteps, replan, histograms, limit, keepBest, images, classes, data, facts, formats }),
  };
  return {
    source: { ...source, ...given({ data: dataOf(choices, undefined) }) },
    choices,
    version: ampc,
    train: recipe?.train,
    epochs: recipe?.train?.epochs,
    dropsLast: recipe?.train?.dropLast === undefined,
  };
}

/** What runs of a file are called by. */
export function stem(file: string): string {
  return basename(file).replace(/\.amp$/, '');
}

/** Runs of `file` in the default place, with their number. */
async function numberedRuns(file: string): Promise<{ readonly dir: string; readonly number: number }[]> {
  const names = await readdir(RUNS).catch(() => []);
  const prefix = `${stem(file)}-`;
  return names.flatMap((name) => {
    const suffix = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    return /^\d+$/.test(suffix) ? [{ dir: join(RUNS, name), number: Number(suffix) }] : [];
  });
}

async function claimUnlessTaken(dir: string, isTaken: (code: string) => boolean): Promise<RunClaim | undefined> {
  return RunClaim.start(dir).catch((error: unknown) => {
    if (error instanceof UserError && isTaken(error.diagnostics[0]!.code)) return undefined;
    throw error;
  });
}

/**
 * A folder of its own for a new run of `file`: `runs/simple-cnn-3` after two runs of simple-cnn.amp. Throws UserError as `RunClaim.start`.
 */
export async function claimRunFolder(file: string): Promise<RunClaim> {
  for (;;) {
    const latest = Math.max(0, ...(await numberedRuns(file)).map(({ number }) => number));
    const folder = (number: number) => join(RUNS, `${stem(file)}-${number}`);
    // A number whose run never began is given again.
    const again = latest === 0 ? undefined : await claimUnlessTaken(folder(latest), () => true);
    const claim = again ?? (await claimUnlessTaken(folder(latest + 1), (code) => TAKEN.has(code)));
    if (claim !== undefined) return claim;
  }
}

/** The newest run of `file` in the default place. Throws UserError AMP6201 when there is none. */
export async function latestRunFolder(file: string): Promise<string> {
  const runs = await numberedRuns(file);
  for (const { dir } of runs.sort((a, b) => b.number - a.number)) if (await isThere(join(dir, RUN_FILES.checkpoint))) return dir;
  throw userError(
    'AMP6201',
    `there is no run of ${basename(file)} to resume`,
    `no folder ${join(RUNS, `${stem(file)}-1`)} here`,
    'name its folder: --resume DIR',
  );
}
