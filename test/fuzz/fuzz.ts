import assert from 'node:assert/strict';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { Random } from './mutate.js';

const INPUTS = Number(process.env.AMPC_FUZZ_INPUTS ?? 2000);
const SEED = Number(process.env.AMPC_FUZZ_SEED ?? 1);

/** Processor seconds of one input; a reader takes milliseconds, so only one that hangs comes near it, however busy the machine. */
const LIMIT = 10;

/**
 * Gives `read` 2,000 damaged inputs: each may be refused by diagnostics, and by nothing else. A failure names the seed and the index;
 * AMPC_FUZZ_ONLY=index makes that one alone.
 */
export async function fuzz<T>(make: (random: Random) => T, read: (input: T) => unknown, inputs = INPUTS): Promise<void> {
  const only = process.env.AMPC_FUZZ_ONLY;
  for (let index = only === undefined ? 0 : Number(only); index < (only === undefined ? inputs : Number(only) + 1); index++) {
    const input = make(new Random(SEED * 1_000_003 + index));
    const before = process.cpuUsage();
    try {
      await read(input);
    } catch (error) {
      if (!(error instanceof UserError)) {
        const shown = typeof input === 'string' ? `\n${input.slice(0, 2000)}` : '';
        throw new Error(`seed ${SEED}, index ${index}: ${error instanceof Error ? error.stack : String(error)}${shown}`);
      }
      assert.ok(error.diagnostics.length > 0, `seed ${SEED}, index ${index}: refused without a word`);
    }
    const { user, system } = process.cpuUsage(before);
    assert.ok((user + system) / 1e6 < LIMIT, `seed ${SEED}, index ${index} took ${(user + system) / 1e6} s of the processor`);
  }
}
