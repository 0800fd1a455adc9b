import { planInFp32 } from '../../choose/fp32.js';
import { type Compiled, type CompileOptions, compile } from '../../choose/plan-file.js';
import { type Source, userError } from '../../diagnostics/diagnostic.js';
import { checkSource } from '../../lower/lower.js';
import { formatAmp } from '../../parser/format.js';
import { planProblem } from '../../plan/assert.js';
import { printFunction, printPlan } from '../../plan/print.js';
import type { PlanProperty } from '../../plan/property.js';
import { lintSource } from '../lint.js';
import { rendered, type StageOptions, type Stages } from './spec.js';
import { type TrainsProperty, trainingProblem } from './trains.js';
import { type UnderflowProperty, underflowProblem } from './underflow.js';

export type SpecProperty = PlanProperty & { readonly trains?: TrainsProperty; readonly underflow?: UnderflowProperty };

/**
 * The settings of the command line by their names there, and `backend`; a spec means the same on every machine, so `auto` is no default.
 */
function compileOptions(options: StageOptions): CompileOptions {
  return { backend: 'reference', ...(options as CompileOptions) };
}

interface Planned extends Compiled {
  readonly options: CompileOptions;
}

async function planSource(source: Source, options: StageOptions) {
  const compiled = await compile(source, compileOptions(options));
  const fn = compiled.plan.functions.find(({ name }) => name === options.function);
  if (options.function !== undefined && fn === undefined) {
    const names = compiled.plan.functions.map(({ name }) => name).join(', ');
    throw userError('AMP6312', `the plan has no function \`${String(options.function)}\``, undefined, `its functions are ${names}`);
  }
  return {
    text: fn === undefined ? printPlan(compiled.plan) : `${printFunction(fn)}\n`,
    value: { ...compiled, options: compileOptions(options) } satisfies Planned,
  };
}

/** Options of the command line that say what is compiled. */
const SETTINGS = ['precision', 'policy', 'batch', 'epochs', 'seed', 'set'];

/** The stages that a spec of `ampc test` may name. */
export const SPEC_STAGES: Stages = {
  /** Everything that is wrong with a file. */
  check: {
    takes: [],
    run: (source) => {
      const diagnostics = checkSource(source);
      return { text: diagnostics.length > 0 ? rendered(diagnostics, source) : 'no problems\n', diagnostics };
    },
  },
  /** What is known to go wrong with it. */
  lint: {
    takes: SETTINGS,
    run: (source, options) => {
      const diagnostics = lintSource(source, options);
      return { text: diagnostics.length > 0 ? rendered(diagnostics, source) : 'no warnings\n', diagnostics };
    },
  },
  /** The text in the standard style. */
  fmt: { takes: [], run: (source) => ({ text: formatAmp(source) }) },
  /** The plan, or one `function` of it; properties are facts about it. */
  plan: {
    takes: [...SETTINGS, 'backend', 'costs', 'calibration', 'strictRanges', 'function'],
    run: planSource,
    holds: (property, value) => {
      const { source, program, plan, options } = value as Planned;
      const { trains, underflow, ...fact } = property as SpecProperty;
      if (trains !== undefined) return trainingProblem(source, options, trains);
      if (underflow !== undefined) return underflowProblem(source, options, underflow);
      return planProblem(fact, { plan, fp32: () => planInFp32(program, plan) });
    },
  },
};
