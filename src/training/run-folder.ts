import { type Source, type UserError, userError } from '../diagnostics/diagnostic.js';
import { shellWord } from '../diagnostics/shell-word.js';
import { isRecord } from '../files/json-form.js';
import { fileReason } from '../files/reason.js';
import { replaceFile } from '../files/replace-file.js';
import { isThere, reading } from '../files/system-error.js';
import { readUsed, USED_FILE } from '../files/used.js';
import { type FileHandle, open, readdir, readFile } from '../platform/files.js';
import { basename, dirname, join } from '../platform/path.js';
import type { TrainEvent, WarningEvent } from './events.js';

/** Names of the files in a run folder; config.json has that of the source. */
export const RUN_FILES = {
  config: 'config.json',
  plan: 'plan.txt',
  metrics: 'metrics.jsonl',
  csv: 'metrics.csv',
  checkpoint: 'checkpoint.safetensors',
  last: 'last.safetensors',
  best: 'best.safetensors',
  lastRaw: 'last-raw.safetensors',
  lastAverage: 'last-average.safetensors',
  kept: 'best.json',
  used: USED_FILE,
} as const;

export interface RunContents {
  /** The `.amp` file, whatever it is called. */
  readonly source: Source;
  /** All resolved settings; becomes config.json. */
  readonly config: unknown;
  /** The plan's text. */
  readonly plan: string;
}

/** Names that a run has for other files. */
function isRunFile(name: string): boolean {
  const isOne = /^((re)?plan-\d+\.(txt|json)|best-(epoch|step)-\d+\.safetensors)$/.test(name);
  return isOne || Object.values<string>(RUN_FILES).includes(name);
}

/** The name that the source at `path` has in a run folder: its own, whatever that is, unless a run has another file of that name. */
export function sourceName(path: string): string {
  const name = basename(path);
  return isRunFile(name) ? 'model.amp' : name;
}

/** Writes what a new run keeps; config.json first: it names the source. Throws the system's error. */
export async function writeContents(dir: string, { source, config, plan }: RunContents): Promise<void> {
  await replaceFile(join(dir, RUN_FILES.config), `${JSON.stringify(config, undefined, 2)}\n`);
  await replaceFile(join(dir, sourceName(source.path)), source.text);
  if (source.used !== undefined) await replaceFile(join(dir, RUN_FILES.used), `${JSON.stringify(source.used, undefined, 2)}\n`);
  await replaceFile(join(dir, RUN_FILES.plan), plan);
}

function namesIn(dir: string): Promise<readonly string[]> {
  return readdir(dir).catch(() => []);
}

/** Waits for a file of a run to be written. Throws UserError AMP7209 when the system refuses. */
export async function saved<T>(path: string, writing: Promise<T>): Promise<T> {
  try {
    return await writing;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    const dir = dirname(path);
    const hasCheckpoint = (await namesIn(dir)).includes(RUN_FILES.checkpoint);
    const next = hasCheckpoint ? `go on from the last checkpoint: --resume ${shellWord(dir)}` : 'start again';
    throw userError('AMP7209', `cannot write ${path}`, fileReason(error), `see to that, then ${next}`);
  }
}

/** Whether a run has saved weights; one whose numbers were never finite at the end of an epoch has none. */
export async function hasWeights(dir: string): Promise<boolean> {
  return (await namesIn(dir)).includes(RUN_FILES.last);
}

function save(path: string, text: string): Promise<void> {
  return saved(path, replaceFile(path, text));
}

/** Makes config.json and plan.txt those of the plan that the run goes on with. Throws UserError AMP7209. */
export async function updateRun(dir: string, { config, plan }: RunContents): Promise<void> {
  await save(join(dir, RUN_FILES.config), `${JSON.stringify(config, undefined, 2)}\n`);
  await save(join(dir, RUN_FILES.plan), plan);
}

/**
 * Keeps the plan that a run has had so far as plan-N.txt, and what the next one does differently as replan-N.json. Throws UserError
 * AMP7209.
 */
export async function recordReplan(dir: string, number: number, plan: string, record: unknown): Promise<void> {
  await save(join(dir, `plan-${number}.txt`), plan);
  await save(join(dir, `replan-${number}.json`), `${JSON.stringify(record, undefined, 2)}\n`);
}

function notARun(dir: string, why: string): UserError {
  return userError(
    'AMP7205',
    `${dir} is not the folder of a run`,
    why,
    'give the folder that ampc train named, or the one given with --out',
  );
}

/** The name in config.json of the run's source; undefined in what ampc did not write. */
export function sourceIn(config: unknown): string | undefined {
  const { ampc, file } = isRecord(config) ? config : {};
  return typeof ampc === 'string' && typeof file === 'string' && basename(file) === file ? file : undefined;
}

/** As `sourceIn`, of the run in `dir`; undefined where there is no config.json, or a damaged one. */
export async function recordedSource(dir: string): Promise<string | undefined> {
  try {
    return sourceIn(JSON.parse(await readFile(join(dir, RUN_FILES.config), 'utf8')));
  } catch {
    return undefined;
  }
}

/** The source and settings of a run. Throws UserError AMP7205 when `dir` is not the folder of a run. */
export async function openRun(dir: string): Promise<{ readonly source: Source; readonly config: unknown }> {
  const names = await readdir(dir).catch((error: unknown) => {
    throw notARun(dir, fileReason(error));
  });
  if (!names.includes(RUN_FILES.config)) throw notARun(dir, `it has no ${RUN_FILES.config}`);
  const configPath = join(dir, RUN_FILES.config);
  let config: unknown;
  try {
    config = JSON.parse(await readFile(configPath, 'utf8'));
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : fileReason(error);
    throw userError('AMP7205', `${configPath} cannot be read`, why, 'the run cannot be continued; start a new one');
  }
  const recorded = sourceIn(config);
  const candidates = recorded !== undefined && names.includes(recorded) ? [recorded] : names.filter((name) => name.endsWith('.amp'));
  const [name] = candidates;
  if (name === undefined || candidates.length > 1)
    throw notARun(dir, `it has ${name === undefined ? 'no' : 'more than one'} ${recorded ?? '.amp file'}`);
  const path = join(dir, name);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw notARun(dir, `${name}: ${fileReason(error)}`);
  });
  const used = await readUsed(dir);
  return { source: { path, text, ...(used && { used }) }, config };
}

function parseLine(line: string): TrainEvent | undefined {
  try {
    return JSON.parse(line) as TrainEvent;
  } catch {
    return undefined;
  }
}

/** What ended a run, if the last line of its metrics is such a warning. */
function endOf(text: string): WarningEvent | undefined {
  const last = parseLine(text.trimEnd().split('\n').at(-1) ?? '');
  return last?.event === 'warning' && last.ends_run === true ? last : undefined;
}

/** Where a run goes on: behind so many steps and finished epochs, with the plan that took over behind step `planFrom`, counted from 1. */
export interface LogPosition {
  readonly step: number;
  readonly epochs: number;
  readonly planFrom: number;
}

/** Whether a line of an interrupted run stays: what lies after the checkpoint happens again. A line cut off by a crash does not parse. */
function stays(event: TrainEvent | undefined, { step, epochs, planFrom }: LogPosition): boolean {
  switch (event?.event) {
    case 'start':
      return true;
    case 'step':
    case 'warning':
    case 'overflow':
    case 'replan':
      return event.step <= step;
    case 'epoch':
      return event.epoch <= epochs;
    case 'phase':
      return event.step <= planFrom;
    default:
      return false;
  }
}

/** Appends events to metrics.jsonl. */
export class MetricsLog {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    /** The warning that ended the run which the log continues, if one did. */
    readonly endedBy: WarningEvent | undefined,
  ) {}

  /** Starts the file, or continues it after dropping the lines beyond where the run goes on. */
  static async open(dir: string, resume?: LogPosition): Promise<MetricsLog> {
    const path = join(dir, RUN_FILES.metrics);
    let endedBy: WarningEvent | undefined;
    if (resume !== undefined) {
      const text = (await isThere(path)) ? await reading(path, readFile(path, 'utf8')) : '';
      endedBy = endOf(text);
      const lines = text.split('\n').filter((line) => stays(parseLine(line), resume));
      await save(path, lines.map((line) => `${line}\n`).join(''));
    }
    return new MetricsLog(path, await saved(path, open(path, 'a')), endedBy);
  }

  /** Throws UserError AMP7209. */
  async append(event: TrainEvent): Promise<void> {
    await saved(this.path, this.file.appendFile(`${JSON.stringify(event)}\n`));
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}
