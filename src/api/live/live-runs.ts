import { errorCode } from '../../files/reason.js';
import { open, stat } from '../../platform/files.js';
import { join } from '../../platform/path.js';
import { RUN_FILES } from '../../training/run-folder.js';
import { isHeld } from '../../training/run-lock.js';
import { runFolders } from '../run-folders.js';
import { sectionMarkup } from '../run-report/page.js';
import { type RunFacts, readRunFacts } from '../run-report/run-facts.js';
import { planSection, sourceSection } from '../run-report/sections.js';
import { KnownFolders } from './known-folders.js';

/** A run as a live page lists it. */
export interface LiveRun {
  /** Its path below the folder that is shown. */
  readonly name: string;
  /** Whether a process trains it. */
  readonly isHeld: boolean;
  /** When it last told something, in milliseconds since 1970; null: never. */
  readonly updated: number | null;
}

/** What of a run does not change while it is trained by one plan. */
export interface LiveFacts extends Pick<RunFacts, 'summary'> {
  readonly epochSteps: number | null;
  readonly backend: RunFacts['choices']['backend'];
  /** HTML: the plan, and the settings. */
  readonly sections: string;
}

/** A part of what a run tells. */
export interface LiveEvents {
  /** Whole lines of metrics.jsonl. */
  readonly lines: string;
  /** Where it goes on, in bytes. */
  readonly next: number;
  /** Which file it is: that of a run that was taken up again is another one, and is read from its beginning. */
  readonly file: string;
  readonly isHeld: boolean;
  /** Whether there is more at once. */
  readonly isMore: boolean;
}

/** Bytes of events in one answer. */
const PART = 1 << 20;

async function metricsOf(dir: string) {
  return stat(join(dir, RUN_FILES.metrics)).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
}

/** Lists the runs in a folder: of one at rest it looks at the time of its folder alone, however often somebody asks. */
export class LiveRuns {
  readonly known = new KnownFolders();
  private readonly atRest = new Map<string, { readonly names: readonly string[]; readonly updated: number | null }>();

  async in(dir: string): Promise<readonly LiveRun[]> {
    const runs: LiveRun[] = [];
    for (const name of await runFolders(dir, this.known)) runs.push({ name, ...(await this.look(join(dir, name))) });
    return runs;
  }

  private async look(folder: string): Promise<Pick<LiveRun, 'isHeld' | 'updated'>> {
    const names = await this.known.names(folder);
    const before = this.atRest.get(folder);
    // Whoever goes on with a run puts a lock into its folder first, so that this holds something else.
    if (before?.names === names) return { isHeld: false, updated: before.updated };
    const held = await isHeld(folder, names);
    const updated = (await metricsOf(folder))?.mtimeMs ?? null;
    if (held) this.atRest.delete(folder);
    else this.atRest.set(folder, { names, updated });
    return { isHeld: held, updated };
  }
}

/** Throws UserError AMP7205 where `dir` holds no run, and the system's error. */
export async function liveFacts(dir: string): Promise<LiveFacts> {
  const facts = await readRunFacts(dir);
  const sections = [...(typeof facts.plan === 'string' ? [] : [planSection(facts.plan)]), sourceSection(facts)];
  return {
    summary: facts.summary,
    epochSteps: facts.epochSteps ?? null,
    backend: facts.choices.backend,
    sections: sections.map((section) => sectionMarkup(section).markup).join(''),
  };
}

/** What the run in `dir` told behind byte `from` of `file`. Throws the system's error. */
export async function liveEvents(dir: string, from: number, file: string): Promise<LiveEvents> {
  // Asked before the file is read: what a run writes before it gives back its folder is then among the lines.
  const held = await isHeld(dir);
  const metrics = await metricsOf(dir);
  if (metrics === undefined) return { lines: '', next: 0, file: '', isHeld: held, isMore: false };
  const now = String(metrics.ino);
  const start = file === now && from <= metrics.size ? from : 0;
  const length = Math.min(PART, metrics.size - start);
  const bytes = Buffer.alloc(length);
  if (length > 0) {
    const handle = await open(join(dir, RUN_FILES.metrics), 'r');
    await handle.read(bytes, 0, length, start).finally(() => handle.close());
  }
  const end = bytes.lastIndexOf(0x0a) + 1;
  return { lines: bytes.toString('utf8', 0, end), next: start + end, file: now, isHeld: held, isMore: start + length < metrics.size };
}
