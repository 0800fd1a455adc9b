import { readFileSync } from 'node:fs';
import { compileProgram } from '../../../src/compile.js';
import type { Source } from '../../../src/diagnostics/diagnostic.js';
import type { PolicyName } from '../../../src/ir/program.js';
import type { PrecisionName } from '../../../src/ir/types.js';
import { lowerProgram } from '../../../src/lower/lower.js';
import type { BackendName } from '../../../src/plan/target.js';
import type { Executable, Scalars } from '../../../src/runtime/backend.js';
import { selectBackend } from '../../../src/runtime/select.js';
import { deterministicBatch, deterministicStates } from './deterministic.js';

export const SIDE = 32;

/** A run that PyTorch has made too: hashed weights and images, a constant learning rate. */
export interface Case {
  readonly backend: BackendName;
  readonly source: Source;
  readonly precision: PrecisionName;
  readonly policy: PolicyName;
  readonly batch: number;
  readonly lr: number;
}

export interface LossRun {
  readonly precision: PrecisionName;
  /** How much of an image its class decides, of 256. */
  readonly share: number;
  readonly losses: readonly number[];
  readonly scale: number;
}

/** simple_cnn_losses.json */
export interface LossFixture {
  readonly batch: number;
  readonly steps: number;
  readonly runs: readonly LossRun[];
}

export function readFixture<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')) as T;
}

/** The plan on its backend, with the weights that PyTorch started from. Throws UserError where the backend cannot run. */
export async function load({ backend: name, source, precision, policy, batch }: Case): Promise<Executable> {
  const { backend, info } = await selectBackend(name);
  const program = lowerProgram(source, { batch, overrides: { precision, policy } });
  const plan = compileProgram(program, info.target);
  const executable = await backend.load(plan);
  await executable.writeStates(deterministicStates(plan));
  return executable;
}

export async function train(executable: Executable, { batch, lr }: Case, share: number, steps: number): Promise<readonly Scalars[]> {
  for (let step = 0; step < steps; step += 1) {
    await executable.call('train_step', { ...deterministicBatch(step, batch, SIDE, share), lr: Float32Array.of(lr) });
  }
  return executable.drain();
}

/**
 * What the first value is that is further from `expected` than `tolerance`, relatively; `first` bounds element 0. Undefined when there is
 * none.
 */
export function disagreement(
  what: string,
  actual: Iterable<number>,
  expected: readonly number[],
  tolerance: number,
  first = tolerance,
): string | undefined {
  let index = 0;
  for (const value of actual) {
    const deviation = Math.abs(value / expected[index]! - 1);
    const bound = index === 0 ? first : tolerance;
    if (!(deviation <= bound))
      return `${what}[${index}] is ${value}, PyTorch has ${expected[index]}: ${deviation.toExponential(1)} > ${bound}`;
    index += 1;
  }
  return undefined;
}
