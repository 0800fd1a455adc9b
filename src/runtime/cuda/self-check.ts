import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cudaSource, emitCuda } from '../../codegen/cuda/emit.js';
import { UserError } from '../../diagnostics/diagnostic.js';
import { VERSION } from '../../files/version.js';
import type { LowType } from '../../ir/types.js';
import type { Plan } from '../../plan/plan.js';
import type { Executable, LoadOptions } from '../backend.js';
import { withBuildFolder } from '../builds.js';
import { contentName, findKept, kernelKey, openKernels } from '../kernel-cache.js';
import { checkPlan } from './check-plan.js';
import type { CudaCompiler } from './compilers.js';
import type { CudaDriver } from './driver.js';
import { INPUTS, isSame, logitsCase, SCALE, stepCase, TOO_LARGE } from './known-results.js';

const SUFFIX = '.cuda-check';

const FORMATS = ['f16', 'bf16'] as const satisfies readonly LowType[];

/** What is checked: another device, driver, compiler or version of ampc is checked anew. */
export interface Checked {
  readonly driver: CudaDriver;
  readonly ordinal: number;
  readonly compilers: readonly CudaCompiler[];
}

type Load = (plan: Plan, options: LoadOptions) => Promise<Executable>;

function keyOf({ driver, ordinal, compilers }: Checked): string {
  const { name, capability } = driver.devices[ordinal]!;
  const sources = FORMATS.map((low) => cudaSource(emitCuda(checkPlan(low))));
  return kernelKey(['self-check', VERSION, name, capability, driver.version, ...compilers.map((compiler) => compiler.name), ...sources]);
}

/** What was found out before: '' where all was right. */
async function findOutcome(cache: string, key: string): Promise<string | undefined> {
  const found = await findKept(cache, key, SUFFIX);
  return found && Buffer.from(found.bytes).toString('utf8');
}

async function keepOutcome(cache: string, key: string, outcome: string): Promise<void> {
  const bytes = Buffer.from(outcome);
  await withBuildFolder(cache, async (folder) => {
    const path = join(folder, 'outcome');
    await writeFile(path, bytes, { mode: 0o600 });
    await rename(path, join(cache, contentName(key, bytes, SUFFIX)));
  });
}

/** What the device computes wrong of what is known; undefined: nothing. */
export async function whatIsWrong(executable: Executable, low: LowType): Promise<string | undefined> {
  const { states, logits } = logitsCase(low);
  await executable.writeStates(new Map(Object.entries(states)));
  await executable.call('eval_step', INPUTS);
  if (!isSame(await executable.readOutput('logits'), logits)) return `products in ${low}, or rounding them to the nearest`;
  await executable.drain();
  const { before, after, loss } = stepCase();
  await executable.writeStates(new Map(Object.entries(before)));
  await executable.writeStates(new Map([['scaler.scale', Float32Array.of(SCALE)]]));
  await executable.call('train_step', INPUTS);
  const [step] = await executable.drain();
  if (!(Math.abs(step!.loss! - loss) <= 1e-5)) return `the mean of a batch's losses, in ${low}`;
  const updated = await executable.readStates();
  const wrong = Object.entries(after).find(([name, want]) => !isSame(updated.get(name), want));
  if (step!.ok !== 1 || wrong !== undefined) return `a training step's ${wrong?.[0] ?? 'check for overflows'}, in ${low}`;
  await executable.writeStates(new Map([['scaler.scale', Float32Array.of(TOO_LARGE)]]));
  await executable.call('train_step', INPUTS);
  const [skipped] = await executable.drain();
  const kept = await executable.readStates();
  const changed = Object.entries(after).some(([name, want]) => !isSame(kept.get(name), want));
  const scale = kept.get('scaler.scale')?.[0];
  return skipped!.ok !== 0 || changed || scale !== TOO_LARGE / 2 ? `the guard of an update that overflows, in ${low}` : undefined;
}

/**
 * Runs what training consists of on the device, by the code that trains, where each number is known: products of whole numbers in tensor
 * cores and their rounding, sums over a batch, an update, and one that overflows. Resolves to what is wrong; undefined: nothing. Throws
 * UserError where the driver or a compiler refuses something, which is not kept.
 */
export async function selfCheck(checked: Checked, load: Load, options: LoadOptions): Promise<string | undefined> {
  const cache = await openKernels(options.onNotice);
  const key = keyOf(checked);
  const known = await findOutcome(cache, key);
  if (known !== undefined) return known === '' ? undefined : known;
  let wrong: string | undefined;
  for (const low of FORMATS) {
    const executable = await load(checkPlan(low), options);
    try {
      wrong = await whatIsWrong(executable, low);
    } finally {
      await executable.dispose();
    }
    if (wrong !== undefined) break;
  }
  await keepOutcome(cache, key, wrong ?? '');
  return wrong;
}

/** What `ampc backends` says of it; it runs nothing. */
export async function describeSelfCheck(checked: Checked): Promise<string> {
  try {
    const outcome = await findOutcome(await openKernels(), keyOf(checked));
    if (outcome === undefined) return 'not run yet: `auto` does that before it takes this device';
    return outcome === '' ? 'passed: `auto` takes this device' : `FAILED, so that \`auto\` does not take this device: ${outcome}`;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `not known: ${error.diagnostics[0]!.message}`;
  }
}
