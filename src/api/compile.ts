import { compileProgram } from '../compile.js';
import type { Source } from '../diagnostics/diagnostic.js';
import type { Program } from '../ir/program.js';
import { lowerProgram } from '../lower/lower.js';
import type { Plan } from '../plan/plan.js';
import type { Backend, BackendInfo } from '../runtime/backend.js';
import { type BackendName, describeBackend, selectBackend } from '../runtime/select.js';
import { pickSettings, type Settings } from './settings.js';
import { readSource } from './source.js';

export type BackendChoice = BackendName | 'auto';

export interface CompileOptions extends Settings {
  /** Which backend to plan for; default `auto`. */
  readonly backend?: BackendChoice | undefined;
}

export interface Compiled {
  readonly source: Source;
  readonly program: Program;
  readonly plan: Plan;
}

/** A plan with the backend that will run it. */
export interface Runnable extends Compiled {
  readonly backend: Backend;
  readonly info: BackendInfo;
}

function planFor(source: Source, { info }: { readonly info: BackendInfo }, options: CompileOptions): Compiled {
  const program = lowerProgram(source, { overrides: pickSettings(options) });
  const plan = compileProgram(program, { backend: info.name, low: info.capabilities?.low ?? [], staged: info.capabilities?.staged });
  return { source, program, plan };
}

/**
 * Compiles a `.amp` file (a path, or a source text with the name to show for it) to the plan that a backend would run. The backend need not
 * be able to run here: planning asks only for its formats. Throws UserError with every mistake that the file has.
 */
export async function compile(input: string | Source, options: CompileOptions = {}): Promise<Compiled> {
  const source = typeof input === 'string' ? await readSource(input) : input;
  return planFor(source, await describeBackend(options.backend ?? 'auto'), options);
}

/** As `compile`, for a backend that can run here. Throws UserError when it cannot, with the reason. */
export async function compileToRun(source: Source, options: CompileOptions): Promise<Runnable> {
  const selected = await selectBackend(options.backend ?? 'auto');
  return { ...planFor(source, selected, options), ...selected };
}
