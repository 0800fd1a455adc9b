import type { CompileOptions } from '../choose/plan-file.js';
import { type Source, UserError, userError } from '../diagnostics/diagnostic.js';
import { fileReason, isSystemError } from '../files/reason.js';
import { isSavedPlan, readText } from '../files/source.js';
import { validateGraph } from '../ir/validate.js';
import { opRules } from '../ops/rules.js';
import { parsePlan } from '../plan/parse.js';
import type { Plan } from '../plan/plan.js';
import { isDeclaration } from '../plan/storage.js';
import { readFile } from '../platform/files.js';
import { join } from '../platform/path.js';
import { RUN_FILES } from '../training/run-folder.js';

const AGAIN = 'make it again from its .amp file: ampc plan FILE --dump';

function foreign(path: string, why: string, fix = AGAIN): UserError {
  return userError('AMP5002', `${path} is no plan of this version of ampc`, why, fix);
}

/**
 * What a plan lacks that every plan has: a training step, each function once, each computed value in one kernel, each stored one in the
 * arena.
 */
function checkComplete({ functions }: Plan): void {
  const names = functions.map(({ name }) => name);
  if (!names.includes('train_step')) throw new Error('it has no train_step');
  if (new Set(names).size < names.length) throw new Error('it has a function twice');
  for (const { name, graph, groups, memory } of functions) {
    const grouped = new Set(groups.flatMap(({ nodes }) => nodes));
    const loose = graph.nodes.find((node) => !isDeclaration(node) && !grouped.has(node.id));
    if (loose !== undefined) throw new Error(`${name}: %${loose.id} ${loose.op} is in no kernel`);
    const outside = memory.allocations.find(({ offset, size }) => offset + size > memory.arena);
    if (outside !== undefined) throw new Error(`${name}: %${outside.value} ends beyond the arena`);
  }
}

/**
 * Reads the text of a saved plan. Throws UserError AMP5001 where it cannot be read, AMP5002 where this version of ampc could not have
 * written it.
 */
export function parseSavedPlan({ text, path }: Source): Plan {
  const plan = parsePlan(text, path);
  try {
    for (const { graph } of plan.functions) validateGraph(graph, opRules);
    checkComplete(plan);
  } catch (error) {
    throw foreign(path, (error as Error).message);
  }
  return plan;
}

/**
 * What `use` makes of a saved plan. A plan that holds the rules and still cannot be used was most likely changed by hand: what that throws
 * becomes UserError AMP5002, which says what it is otherwise.
 */
export async function withSavedPlan<T>(path: string, use: () => T | Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    if (error instanceof UserError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw foreign(path, why, `${AGAIN}; if nobody changed it, this is a bug in ampc: report it with that file`);
  }
}

/**
 * The plan in a file that `ampc plan --dump` or a run wrote; undefined for a `.amp` file. Throws UserError AMP6301 when `options` ask for
 * another one, and as `readText` and `parseSavedPlan`.
 */
export async function readSavedPlan(
  path: string,
  { precision, policy, batch, costs, calibration, set, backend }: CompileOptions,
): Promise<Plan | undefined> {
  const source = await readText(path);
  if (!isSavedPlan(source)) return undefined;
  const isChanged =
    [precision, policy, batch, costs, calibration, backend].some((option) => option !== undefined) || (set ?? []).length > 0;
  if (!isChanged) return parseSavedPlan(source);
  throw userError(
    'AMP6301',
    `${path} is a saved plan: nothing of it can be changed`,
    'its formats are decided already',
    'give the .amp file instead',
  );
}

/** The plan that a run has now, or why there is none. */
export async function planOfRun(run: string): Promise<Plan | string> {
  const path = join(run, RUN_FILES.plan);
  try {
    return parseSavedPlan({ path, text: await readFile(path, 'utf8') });
  } catch (error) {
    if (error instanceof UserError) return error.message;
    if (isSystemError(error)) return `${path}: ${fileReason(error)}`;
    throw error;
  }
}
