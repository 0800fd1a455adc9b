import { setTimeout as sleep } from 'node:timers/promises';
import type { RunReply } from './peer.js';

/** A side that is ready to be timed. */
export interface Contestant {
  readonly label: string;
  readonly steps: number;
  run(steps: number): Promise<RunReply>;
}

/** Longer than the threads of any side spin before they sleep. */
const PAUSE_MS = 300;

export interface Times {
  readonly ms: number[];
  readonly stepMs: number[];
}

/**
 * Times the sides in turn, `rounds` times, every second round in the opposite order, so that whatever changes on the machine meanwhile
 * changes for all. Only one side is ever at work.
 */
export async function takeTurns(sides: readonly Contestant[], rounds: number, pauseMs = PAUSE_MS): Promise<ReadonlyMap<string, Times>> {
  const times = new Map(sides.map(({ label }): [string, Times] => [label, { ms: [], stepMs: [] }]));
  for (let round = 0; round < rounds; round += 1) {
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
      await sleep(pauseMs);
      const reply = await side.run(side.steps);
      const own = times.get(side.label)!;
      own.ms.push(...reply.ms);
      if (reply.step_ms !== undefined) own.stepMs.push(reply.step_ms);
    }
  }
  return times;
}
