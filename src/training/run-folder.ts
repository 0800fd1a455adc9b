import { type FileHandle, open, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Source, userError } from '../diagnostics/diagnostic.js';
import { makeFolder } from '../files/make-folder.js';
import { fileReason } from '../files/reason.js';
import { replaceFile } from '../files/replace-file.js';
import type { TrainEvent, WarningEvent } from './events.js';

/** Names of the files in a run folder; the `.amp` file keeps its own. */
export const RUN_FILES = {
  config: 'config.json',
  plan: 'plan.txt',
  metrics: 'metrics.jsonl',
  checkpoint: 'checkpoint.safetensors',
  last: 'last.safetensors',
  best: 'best.safetensors',
} as const;

export interface RunContents {
  /** The `.amp` file; its base name is kept. */
  readonly source: Source;
  /** All resolved settings; becomes config.json. */
  readonly config: unknown;
  /** The plan's text. */
  readonly plan: string;
}

async function namesIn(dir: string): Promise<string[]> {
  return readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw userError('AMP7206', `cannot use ${dir} as a run folder`, fileReason(error), 'name another folder with --out');
  });
}

/** Throws UserError AMP7204 when `dir` holds a run: a new one must not overwrite it. */
export async function refuseExistingRun(dir: string): Promise<void> {
  const names = await namesIn(dir);
  const found = [RUN_FILES.metrics, RUN_FILES.checkpoint, RUN_FILES.last, RUN_FILES.best].filter((name) => names.includes(name));
  if (found.length === 0) return;
  throw userError(
    'AMP7204',
    `${dir} already holds a run`,
    `it has ${found.join(', ')}, which would be overwritten`,
    'continue it with --resume, or name another folder with --out',
  );
}

/** Creates (or fills) the folder of a new run. Throws UserError AMP7204 when it holds one, AMP7206 when it cannot be used. */
export async function createRun(dir: string, contents: RunContents): Promise<void> {
  await refuseExistingRun(dir);
  try {
    await makeFolder(dir);
    await replaceFile(join(dir, basename(contents.source.path)), contents.source.text);
    await replaceFile(join(dir, RUN_FILES.config), `${JSON.stringify(contents.config, undefined, 2)}\n`);
    await replaceFile(join(dir, RUN_FILES.plan), contents.plan);
  } catch (error) {
    throw userError('AMP7206', `cannot use ${dir} as a run folder`, fileReason(error), 'name another folder with --out');
  }
}

/** Makes config.json and plan.txt those of the plan that the run goes on with. */
export async function updateRun(dir: string, { config, plan }: RunContents): Promise<void> {
  await replaceFile(join(dir, RUN_FILES.config), `${JSON.stringify(config, undefined, 2)}\n`);
  await replaceFile(join(dir, RUN_FILES.plan), plan);
}

/** Keeps the plan that a run has had so far as plan-N.txt, and what the next one does differently as replan-N.json. */
export async function recordReplan(dir: string, number: number, plan: string, record: unknown): Promise<void> {
  await replaceFile(join(dir, `plan-${number}.txt`), plan);
  await replaceFile(join(dir, `replan-${number}.json`), `${JSON.stringify(record, undefined, 2)}\n`);
}

/** The `.amp` file and settings of a run. Throws UserError AMP7205 when `dir` is not the folder of a run. */
export async function openRun(dir: string): Promise<{ readonly source: Source; readonly config: unknown }> {
  const names = await namesIn(dir);
  const sources = names.filter((name) => name.endsWith('.amp'));
  const [source] = sources;
  if (source === undefined || sources.length > 1 || !names.includes(RUN_FILES.config)) {
    throw userError(
      'AMP7205',
      `${dir} is not the folder of a run`,
      `a run folder holds one .amp file and ${RUN_FILES.config}`,
      'give the folder that ampc train named, or the one given with --out',
    );
  }
  const path = join(dir, source);
  const text = await readFile(path, 'utf8');
  try {
    return { source: { path, text }, config: JSON.parse(await readFile(join(dir, RUN_FILES.config), 'utf8')) as unknown };
  } catch (error) {
    throw userError(
      'AMP7205',
      `${join(dir, RUN_FILES.config)} cannot be read`,
      (error as Error).message,
      'the run cannot be continued; start a new one',
    );
  }
}

function parseLine(line: string): TrainEvent | undefined {
  try {
    return JSON.parse(line) as TrainEvent;
  } catch {
    return undefined;
  }
}

/** What ended the run in `dir`, if its last line is such a warning. */
export async function endOf(dir: string): Promise<WarningEvent | undefined> {
  const text = await readFile(join(dir, RUN_FILES.metrics), 'utf8').catch(() => '');
  const last = parseLine(text.trimEnd().split('\n').at(-1) ?? '');
  return last?.event === 'warning' && last.ends_run === true ? last : undefined;
}

/** Whether a line of an interrupted run stays: what lies after the checkpoint happens again. A line cut off by a crash does not parse. */
function stays(event: TrainEvent | undefined, step: number, epochs: number): boolean {
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
    default:
      return false;
  }
}

/** Appends events to metrics.jsonl. */
export class MetricsLog {
  private constructor(private readonly file: FileHandle) {}

  /** Starts the file, or continues it after dropping the lines beyond `resume.step` and the `resume.epochs` finished ones. */
  static async open(dir: string, resume?: { readonly step: number; readonly epochs: number }): Promise<MetricsLog> {
    const path = join(dir, RUN_FILES.metrics);
    if (resume !== undefined) {
      const text = await readFile(path, 'utf8').catch(() => '');
      const lines = text.split('\n').filter((line) => stays(parseLine(line), resume.step, resume.epochs));
      await replaceFile(path, lines.map((line) => `${line}\n`).join(''));
    }
    return new MetricsLog(await open(path, 'a'));
  }

  async append(event: TrainEvent): Promise<void> {
    await this.file.appendFile(`${JSON.stringify(event)}\n`);
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}
