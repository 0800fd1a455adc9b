import { emitC } from '../../src/codegen/c/emit.js';
import { INSTRUCTION_SETS, type InstructionSet, type Target, targetFor } from '../../src/codegen/c/target.js';
import type { Plan } from '../../src/plan/plan.js';
import { buildLibrary } from '../../src/runtime/cpu/cache.js';
import { type Compiler, findCompiler } from '../../src/runtime/cpu/compiler.js';
import { detectTarget, runnableTarget } from '../../src/runtime/cpu/detect.js';
import { CpuExecutable } from '../../src/runtime/cpu/executable.js';
import { contextFor, openLibrary } from '../../src/runtime/cpu/native.js';
import { IS_LONG } from '../support/amount.js';

/** The compiler of this machine, or of the given name; undefined when it is not installed. */
export async function compilerNamed(name?: string): Promise<Compiler | undefined> {
  const before = process.env.AMPC_CC;
  if (name !== undefined) process.env.AMPC_CC = name;
  try {
    return await findCompiler();
  } catch {
    return undefined;
  } finally {
    if (before === undefined) delete process.env.AMPC_CC;
    else process.env.AMPC_CC = before;
  }
}

/** Instruction sets that this processor can run, the best first. */
export async function runnableSets(compiler: Compiler): Promise<readonly InstructionSet[]> {
  const { isa } = await runnableTarget(compiler);
  if (isa === 'neon') return ['neon'];
  return INSTRUCTION_SETS.slice(INSTRUCTION_SETS.indexOf(isa)).filter((name) => name !== 'neon');
}

export interface CompileChoices {
  readonly compiler?: Compiler;
  readonly isa?: InstructionSet;
  readonly threads?: number;
  readonly flags?: readonly string[];
}

/**
 * Compiles a plan with warnings as errors: as for users for the instructions that this processor has, and for others, but in a long run,
 * in half the time.
 */
export async function compilePlan(plan: Plan, choices: CompileChoices = {}): Promise<CpuExecutable> {
  const compiler = choices.compiler ?? (await findCompiler());
  const native = await detectTarget(compiler);
  const target: Target = choices.isa === undefined ? native : targetFor(choices.isa, native.arch);
  const source = emitC(plan, target);
  const { path } = await buildLibrary(
    source.text,
    compiler,
    target,
    choices.flags ?? ['-Werror', ...(IS_LONG || target.isa === native.isa ? [] : ['-O1'])],
  );
  return new CpuExecutable(plan, source, openLibrary(path, contextFor(source, choices.threads ?? 2)), 0);
}
