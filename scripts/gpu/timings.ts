import { takeTurns } from '../../bench/rounds.js';
import { summarize } from '../../bench/statistics.js';
import { type Deadline, NO_TIME } from './deadline.js';
import type { Findings } from './findings.js';
import type { Machine } from './machine.js';
import { lastLines } from './program.js';
import type { Settings } from './settings.js';
import { type Side, sidesOf } from './sides.js';
import { type GpuWork, worksOf } from './works.js';

/** A turn of any side takes less. */
const TURN_SECONDS = 60;

function reasonOf(error: unknown): string {
  return lastLines(error instanceof Error ? error.message : String(error));
}

/** Gets all ready side by side, for some compile for a minute; those that could be. */
async function readySides(work: GpuWork, sides: readonly Side[], findings: Findings, deadline: Deadline): Promise<readonly Side[]> {
  const tried = await Promise.all(
    sides.map(async (side) => {
      const seconds = deadline.limit(side.readySeconds);
      try {
        if (seconds === undefined) throw new Error(NO_TIME);
        const { note } = await side.prepare(work, seconds);
        if (note) findings.add({ kind: 'note', what: `${work.title}, ${side.label}`, says: note });
        return side;
      } catch (error) {
        findings.add({ kind: 'missing', what: `${work.title}, ${side.label}`, why: reasonOf(error) });
        return undefined;
      }
    }),
  );
  return tried.filter((side) => side !== undefined);
}

async function time(work: GpuWork, sides: readonly Side[], settings: Settings, findings: Findings, deadline: Deadline): Promise<void> {
  const failed = new Set<Side>();
  const turns = sides.map((side) => ({
    label: side.label,
    steps: work.steps,
    run: async (steps: number) => {
      const seconds = deadline.limit(TURN_SECONDS);
      if (failed.has(side) || seconds === undefined) return { ms: [] };
      try {
        return { ms: await side.run(steps, seconds) };
      } catch (error) {
        failed.add(side);
        findings.add({ kind: 'missing', what: `${work.title}, ${side.label}`, why: reasonOf(error) });
        return { ms: [] };
      }
    },
  }));
  const times = await takeTurns(turns, settings.rounds);
  for (const [side, { ms }] of times) {
    if (ms.length > 0) findings.add({ kind: 'time', work: work.title, side, ...summarize(ms) });
    else findings.add({ kind: 'missing', what: `${work.title}, ${side}`, why: 'no turn was timed' });
  }
}

/** Training steps of all sides in turns, work by work. */
export async function timeAll(machine: Machine, settings: Settings, findings: Findings, deadline: Deadline): Promise<void> {
  const sides = sidesOf(machine, settings);
  try {
    for (const work of worksOf(settings.quick)) {
      if (deadline.limit(1) === undefined) findings.add({ kind: 'missing', what: work.title, why: NO_TIME });
      else await time(work, await readySides(work, sides, findings, deadline), settings, findings, deadline);
    }
  } finally {
    await Promise.all(sides.map((side) => side.close()));
  }
}
