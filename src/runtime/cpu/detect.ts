import { cpus } from 'node:os';
import {
  INSTRUCTION_SETS,
  type InstructionSet,
  preferredTarget,
  type Target,
  targetFor,
  targetFromMacros,
} from '../../codegen/c/target.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { compilerTimeoutMs } from '../compiler-timeout.js';
import { type RunOptions, runProgram } from '../program.js';
import type { Compiler } from './compiler.js';
import { compilerFailure } from './compiler-failure.js';

function architecture(): Target['arch'] {
  return process.arch === 'x64' || process.arch === 'arm64' ? process.arch : 'other';
}

function forcedSet(): InstructionSet | undefined {
  const value = process.env.AMPC_ISA;
  if (value === undefined || value === '') return undefined;
  const known = INSTRUCTION_SETS.find((name) => name === value);
  if (known === undefined) {
    throw userError('AMP6022', `AMPC_ISA is ${value}`, `it is one of ${INSTRUCTION_SETS.join(', ')}`, 'correct or unset AMPC_ISA');
  }
  return known;
}

/** What a compiler makes this processor run, and what of it code uses unless it is told. */
interface Native {
  readonly runs: Target;
  readonly takes: Target;
}

const native = new Map<string, Promise<Native>>();

const DETECT_TIMEOUT_MS = 300_000;

type Asking = Pick<RunOptions, 'signal'>;

function processorName(): string {
  return cpus()[0]?.model.trim() || process.arch;
}

async function detectNative(compiler: Compiler, asking: Asking): Promise<Native> {
  const runs = await askCompiler(compiler, asking);
  return { runs, takes: preferredTarget(runs, processorName()) };
}

async function askCompiler(compiler: Compiler, { signal }: Asking): Promise<Target> {
  const flags = architecture() === 'x64' ? ['-march=native'] : [];
  const timeoutMs = Math.min(DETECT_TIMEOUT_MS, compilerTimeoutMs());
  const result = await runProgram(compiler.command, [...flags, '-dM', '-E', '-x', 'c', '-'], { timeoutMs, signal });
  if (result.ok) return targetFromMacros(result.stdout);
  const failure = compilerFailure(compiler, result, 'no file');
  if (failure !== undefined) throw failure;
  // It knows no -march=native.
  return targetFor('plain', architecture());
}

function nativeOf(compiler: Compiler, asking: Asking): Promise<Native> {
  const key = compiler.command.join('\0');
  const known = native.get(key) ?? detectNative(compiler, asking);
  native.set(key, known);
  // What failed for lack of memory or time may do the next time.
  known.catch(() => native.delete(key));
  return known;
}

/** The largest target that this processor runs, whether or not code is made for it. */
export async function runnableTarget(compiler: Compiler): Promise<Target> {
  return (await nativeOf(compiler, {})).runs;
}

/**
 * What the generated code uses here: `AMPC_ISA` (avx512bf16, avx512, avx2, neon, plain) if set, else the fastest of what the compiler says
 * that this processor has.
 */
export async function detectTarget(compiler: Compiler, asking: Asking = {}): Promise<Target> {
  const forced = forcedSet();
  return forced === undefined ? (await nativeOf(compiler, asking)).takes : targetFor(forced, architecture());
}

const IN_WORDS: Readonly<Record<InstructionSet, string>> = {
  avx512bf16: 'AVX-512 with BF16',
  avx512: 'AVX-512',
  avx2: 'AVX2',
  neon: 'NEON',
  plain: 'baseline instructions',
};

/** `AMD EPYC (2 cores, AVX-512 with BF16)`. */
export function describeDevice(target: Target): string {
  const all = cpus();
  return `${processorName()} (${all.length} ${all.length === 1 ? 'core' : 'cores'}, ${IN_WORDS[target.isa]})`;
}
