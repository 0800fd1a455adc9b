import assert from 'node:assert/strict';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { amount } from '../support/amount.js';
import { Random } from './mutate.js';

const INPUTS = Number(process.env.AMPC_FUZZ_INPUTS ?? amount(200, 2000));
const SEED = Number(process.env.AMPC_FUZZ_SEED ?? 1);

/** Processor seconds of one input. */
const LIMIT = 1;

/** How often an input is read again that took longer: of other work, such as a collection of garbage, one of them is free. */
const TRIES = 5;

/** Processor seconds that this process spends in `work`, on all of its threads. */
async function secondsOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/**
 * Gives `read` many damaged inputs: each may be refused by diagnostics, and by nothing else. A failure names the seed and the index;
 * AMPC_FUZZ_ONLY=index makes that one alone.
 */
export async function fuzz<T>(make: (random: Random) => T, read: (input: T) => unknown, inputs = INPUTS): Promise<void> {
  const only = process.env.AMPC_FUZZ_ONLY;
  for (let index = only === undefined ? 0 : Number(only); index < (only === undefined ? inputs : Number(only) + 1); index++) {
    const input = make(new Random(SEED * 1_000_003 + index));
    const take = async (): Promise<void> => {
      try {
        await read(input);
      } catch (error) {
        if (!(error instanceof UserError)) {
          const shown = typeof input === 'string' ? `\n${input.slice(0, 2000)}` : '';
          throw new Error(`seed ${SEED}, index ${index}: ${error instanceof Error ? error.stack : String(error)}${shown}`);
        }
        assert.ok(error.diagnostics.length > 0, `seed ${SEED}, index ${index}: refused without a word`);
      }
    };
    let least = await secondsOf(take);
    for (let tries = 1; least >= LIMIT && tries < TRIES; tries++) least = Math.min(least, await secondsOf(take));
    assert.ok(least < LIMIT, `seed ${SEED}, index ${index} took ${least} s of the processor, at best`);
  }
}
