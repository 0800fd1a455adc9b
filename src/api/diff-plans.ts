import { COMPILE_KEYS, refuseUnknown } from '../choose/option-keys.js';
import { type CompileOptions, compile } from '../choose/plan-file.js';
import { POLICIES, PRECISIONS } from '../choose/settings.js';
import { userError } from '../diagnostics/diagnostic.js';
import { isSavedPlan, readText } from '../files/source.js';
import { comparePlans } from '../memory/plan-memory.js';
import { splitAtCommas } from '../parser/split-commas.js';
import { stepCost } from '../plan/cost-table.js';
import type { PlanDiff } from '../plan/diff.js';
import { castFacts } from '../plan/facts.js';
import { failedGates, type Gate } from '../plan/gate.js';
import type { Plan } from '../plan/plan.js';
import { BACKEND_NAMES } from '../plan/target.js';
import { parseSavedPlan, withSavedPlan } from './saved-plan.js';

/** A side of a comparison: a file, and what is changed of it. */
export interface PlanSide {
  /** Empty: the file of the other side. */
  readonly file: string;
  readonly options: CompileOptions;
}

const OVERRIDES = /^(.*?):([A-Za-z_][\w.]*=.*)$/;

function choice<T extends string>(side: string, key: string, value: string, values: readonly T[]): T {
  const found = values.find((known) => known === value);
  if (found !== undefined) return found;
  throw userError('AMP6301', `\`${value}\` in \`${side}\` is no ${key}`, undefined, `choose from ${values.join(', ')}`);
}

/**
 * Reads one side: `FILE`, `FILE:policy=autocast,train.batch=32`, or `:precision=bf16` for the other side's file. Keys are policy,
 * precision, backend, batch, or any path that `--set` takes. Throws UserError AMP6301.
 */
export function parseSide(text: string): PlanSide {
  const match = OVERRIDES.exec(text);
  if (match === null && text.startsWith(':'))
    throw userError(
      'AMP6301',
      `\`${text}\` changes nothing`,
      'it is neither a file nor a change of the other one',
      'such as :policy=autocast',
    );
  if (match === null) return { file: text, options: {} };
  let options: CompileOptions = {};
  for (const part of splitAtCommas(match[2])) {
    const equal = part.indexOf('=');
    if (equal < 1) throw userError('AMP6301', `\`${part}\` in \`${text}\` is no change`, undefined, 'write key=value, as --set takes it');
    const [key, value] = [part.slice(0, equal), part.slice(equal + 1)];
    if (key === 'policy') options = { ...options, policy: choice(text, key, value, POLICIES) };
    else if (key === 'precision') options = { ...options, precision: choice(text, key, value, PRECISIONS) };
    else if (key === 'backend') options = { ...options, backend: choice(text, key, value, ['auto' as const, ...BACKEND_NAMES]) };
    else options = { ...options, set: [...(options.set ?? []), `${key === 'batch' ? 'train.batch' : key}=${value}`] };
  }
  return { file: match[1], options };
}

/** The plan of one side, and what a training step of it takes where its kernels were measured. */
async function planOf(side: PlanSide, common: CompileOptions): Promise<TimedPlan> {
  const source = await readText(side.file);
  if (!isSavedPlan(source)) {
    const set = [...(common.set ?? []), ...(side.options.set ?? [])];
    const { plan, program, costs } = await compile(source, { ...common, ...side.options, set });
    return { plan, stepMs: costs === undefined ? null : stepCost(plan, program.recipe.train.accumulate, costs).seconds * 1000 };
  }
  if (Object.keys(side.options).length === 0) return { plan: parseSavedPlan(source), stepMs: null };
  throw userError(
    'AMP6301',
    `${side.file} is a saved plan: nothing of it can be changed`,
    'its formats are decided already',
    'give the .amp file instead',
  );
}

interface TimedPlan {
  readonly plan: Plan;
  readonly stepMs: number | null;
}

export interface PlanComparison {
  readonly before: Plan;
  readonly after: Plan;
  readonly diff: PlanDiff;
  /** Predicted milliseconds of a training step; null for a saved plan, and where the kernels were not measured. */
  readonly stepMs: { readonly before: number | null; readonly after: number | null };
}

/** Compares two plans: `.amp` files or saved plans, each with overrides as `parseSide` reads them; `common` holds for both. */
export async function diffPlans(a: string, b: string, common: CompileOptions = {}): Promise<PlanComparison> {
  refuseUnknown('diffPlans', common, COMPILE_KEYS);
  const [left, right] = [parseSide(a), parseSide(b)];
  if (left.file === '' && right.file === '')
    throw userError('AMP6301', `neither \`${a}\` nor \`${b}\` names a file`, undefined, `such as net.amp${a} ${b}`);
  const before = await planOf({ ...left, file: left.file === '' ? right.file : left.file }, common);
  const after = await planOf({ ...right, file: right.file === '' ? left.file : right.file }, common);
  return {
    before: before.plan,
    after: after.plan,
    diff: await withSavedPlan(`${a} or ${b}`, () => comparePlans(before.plan, after.plan)),
    stepMs: { before: before.stepMs, after: after.stepMs },
  };
}

/** Messages of the gates that a comparison fails. */
export function checkGates(gates: readonly Gate[], { before, diff: found }: PlanComparison): readonly string[] {
  return failedGates(gates, found, before.functions.flatMap(castFacts).length);
}
