import { compileProgram } from '../compile.js';
import { userError } from '../diagnostics/diagnostic.js';
import type { Program } from '../ir/program.js';
import { printPlan } from '../plan/print.js';
import type { PlanTarget } from '../plan/target.js';
import { createHash } from '../platform/hash.js';
import { hostname } from '../platform/system.js';
import { gatherTexts } from '../runtime/collectives.js';
import { type CoresOf, shareCores, threadsPerRank } from '../runtime/cpu/mpi/launcher.js';
import type { MpiRanks } from '../runtime/cpu/mpi/mpi.js';
import type { Dataset } from '../training/data/dataset.js';
import { RunClaim } from '../training/run-claim.js';

/** The folder of a run that several ranks train: the first has it, the others read there. */
export async function claimTogether<T extends { readonly claim: RunClaim }>(
  ranks: MpiRanks | undefined,
  claim: () => Promise<T>,
): Promise<T | { readonly claim: RunClaim; readonly checked?: undefined }> {
  if (ranks === undefined) return claim();
  const own = ranks.rank === 0 ? await claim() : undefined;
  const text = own === undefined ? '' : JSON.stringify([own.claim.dir, own.claim.isNew]);
  const [first] = await gatherTexts(ranks, text);
  if (own !== undefined) return own;
  const [dir, isNew] = JSON.parse(first!) as [string, boolean];
  return { claim: RunClaim.follow(dir, isNew) };
}

/**
 * Threads of this rank where nobody says how many: the cores on which ranks of its machine may run are shared out among these. `onNotice`
 * is told where the launcher leaves it fewer than it could have. All ranks ask.
 */
export async function threadsOfRank(
  ranks: MpiRanks,
  { threads: asked, onNotice }: { readonly threads?: number | undefined; readonly onNotice?: ((text: string) => void) | undefined },
): Promise<number> {
  const own: CoresOf = { host: hostname(), ...ranks.cores };
  const all = (await gatherTexts(ranks, JSON.stringify(own))).map((text) => JSON.parse(text) as CoresOf);
  if (asked !== undefined) return asked;
  const { threads, unbound } = shareCores(own, all) ?? { threads: threadsPerRank(ranks.launched), unbound: 0 };
  if (threads < unbound)
    onNotice?.(
      `each rank has ${threads === 1 ? '1 thread' : `${threads} threads`}, for ${ranks.launched.launcher} binds it to so many cores; ` +
        `unbound it would have ${unbound} (Open MPI: mpirun --bind-to none)`,
    );
  return threads;
}

/** What of its images tells a rank from one that has others: how many, and a hash of all where they are in memory. */
export function dataFacts({ content, train, test, validation }: Dataset): readonly string[] {
  const sets = Object.entries({ training: train, test, validation });
  const facts = sets.flatMap(([name, set]) => {
    if (set === undefined) return [];
    const hash = createHash('sha256').update(new Uint8Array(set.labels.buffer, set.labels.byteOffset, set.labels.byteLength));
    if (set.supply === undefined) hash.update(set.images);
    return [`${name} images ${set.count}, by a hash ${hash.digest('hex')}`];
  });
  return content === undefined ? facts : [...facts, `contents of the data set ${content}`];
}

/** The first line in which two texts differ, of each. */
function difference(a: string, b: string): readonly [string, string] {
  const [left, right] = [a.split('\n'), b.split('\n')];
  const at = left.findIndex((line, i) => line !== right[i]);
  const i = at < 0 ? left.length : at;
  return [left[i]?.trim() ?? 'nothing', right[i]?.trim() ?? 'nothing'];
}

/**
 * Refuses to train with a rank that would compute something else: other versions, settings, data or instructions. Each compares what the
 * first rank's plan is by its own file, so that parts of unequal size are no difference. Throws UserError AMP6508.
 */
export async function checkSamePlans(
  ranks: MpiRanks,
  facts: readonly string[],
  program: Program,
  target: PlanTarget,
  lowerFirst: () => Program,
): Promise<void> {
  const first = ranks.rank === 0 ? program : lowerFirst();
  // What the plan leaves open, such as the course of the learning rate, is in the recipe.
  const recipe = JSON.stringify(first.recipe, undefined, 1);
  const text = [...facts, printPlan(compileProgram(first, target)), recipe].join('\n');

  const hashes = await gatherTexts(ranks, createHash('sha256').update(text).digest('hex'));

  const other = hashes.findIndex((hash) => hash !== hashes[0]);
  if (other < 0) return;
  const texts = await gatherTexts(ranks, text);
  const [expected, found] = difference(texts[0]!, texts[other]!);
  throw userError(
    'AMP6508',
    `rank ${other} has another plan than rank 0`,
    `rank 0: ${expected}; rank ${other}: ${found}`,
    'start all ranks with the same file, options, data and version of ampc, on processors with the same instructions',
  );
}
