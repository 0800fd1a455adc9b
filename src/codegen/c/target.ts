/** Instruction sets that the generated C is tested on; `native` means whatever the machine has. */
export const INSTRUCTION_SETS = ['avx512bf16', 'avx512', 'avx2', 'neon', 'plain'] as const;
export type InstructionSet = (typeof INSTRUCTION_SETS)[number];

/** What the code generator knows of the processor. */
export interface Target {
  readonly isa: InstructionSet;
  /** f32 lanes of the native vector. */
  readonly lanes: 16 | 8 | 4;
  /** Vector registers. */
  readonly registers: 32 | 16;
  /** Dot products of bf16 pairs into f32 (AVX512-BF16). */
  readonly bf16Dot: boolean;
  /** f16 <-> f32 in one instruction (F16C, AVX-512, aarch64). */
  readonly halfConvert: boolean;
  readonly arch: 'x64' | 'arm64' | 'other';
  /** Compiler flags that select the instruction set. */
  readonly flags: readonly string[];
}

const AVX512 = ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mf16c', '-mfma', '-mbmi2', '-mprefer-vector-width=512'];

const TARGETS: Readonly<Record<InstructionSet, Omit<Target, 'arch' | 'isa'>>> = {
  avx512bf16: { lanes: 16, registers: 32, bf16Dot: true, halfConvert: true, flags: [...AVX512, '-mavx512bf16'] },
  avx512: { lanes: 16, registers: 32, bf16Dot: false, halfConvert: true, flags: AVX512 },
  avx2: { lanes: 8, registers: 16, bf16Dot: false, halfConvert: true, flags: ['-mavx2', '-mfma', '-mf16c', '-mbmi2'] },
  neon: { lanes: 4, registers: 32, bf16Dot: false, halfConvert: true, flags: [] },
  plain: { lanes: 4, registers: 16, bf16Dot: false, halfConvert: false, flags: [] },
};

/** The target of one instruction set on one architecture. */
export function targetFor(isa: InstructionSet, arch: Target['arch']): Target {
  return { ...TARGETS[isa], isa, arch };
}

/**
 * The largest target that a compiler's predefined macros (`cc -march=native -dM -E`) allow. The flags name the instruction sets instead of
 * `-march=native`, so that a cached library never holds instructions of another machine.
 */
export function targetFromMacros(macros: string): Target {
  const defined = (name: string) => new RegExp(`^#define ${name} `, 'm').test(macros);
  if (defined('__aarch64__')) return targetFor('neon', 'arm64');
  if (!defined('__x86_64__')) return targetFor('plain', 'other');
  const avx512 =
    ['F', 'BW', 'DQ', 'VL'].every((part) => defined(`__AVX512${part}__`)) &&
    defined('__FMA__') &&
    defined('__F16C__') &&
    defined('__BMI2__');
  if (avx512) return targetFor(defined('__AVX512BF16__') ? 'avx512bf16' : 'avx512', 'x64');
  if (defined('__AVX2__') && defined('__FMA__') && defined('__F16C__') && defined('__BMI2__')) return targetFor('avx2', 'x64');
  return targetFor('plain', 'x64');
}

/**
 * What generated code uses of what a processor can run. Intel's dot products of bf16 pairs do half of the operations a second that its two
 * f32 multiply-adds a cycle do, AMD's twice as many.
 */
export function preferredTarget(runs: Target, processor: string): Target {
  return runs.isa === 'avx512bf16' && /\bIntel\b/.test(processor) ? targetFor('avx512', runs.arch) : runs;
}
