import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CSource, emitC } from '../../src/codegen/c/emit.js';
import type { FunctionLayout } from '../../src/codegen/c/layout.js';
import type { Target } from '../../src/codegen/c/target.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Inputs } from '../../src/runtime/backend.js';
import { compilerFlags } from '../../src/runtime/cpu/cache.js';
import type { Compiler } from '../../src/runtime/cpu/compiler.js';
import { contextFor } from '../../src/runtime/cpu/native.js';
import { runProgram } from '../../src/runtime/program.js';
import { initialStates } from '../../src/training/states.js';
import { inputsAt } from '../support/steps.js';

/** `-fsanitize=` values that one program can have at once. */
export type Sanitizers = 'address,undefined' | 'thread';

const THREADS = 3;
const STEPS = 2;

/**
 * Includes a plan, and makes the calls that standard input lists from the states behind them: once with an arena of zeros, once with an
 * arena of NaNs before each call. Exit code 6 when a result or a state depends on what was in the arena.
 */
const MAIN = String.raw`
#include "plan.c"
#include <stdio.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(from, bytes) ((void)0)
#endif

typedef struct { int32_t function, inputs, outputs; } one_call;

static void take(void *block, size_t bytes) { if (fread(block, 1, bytes, stdin) != bytes) exit(4); }
static void *block_of(size_t bytes) {
  void *block = NULL;
  if (posix_memalign(&block, 64, bytes > 0 ? bytes : 1) != 0) exit(3);
  return block;
}

int main(void) {
  int32_t count;
  take(&count, sizeof count);
  ampc_context *contexts[2];
  for (int i = 0; i < 2; i++) {
    contexts[i] = ampc_create(THREADS, SCRATCH, NULL);
    if (contexts[i] == NULL) return 3;
    const size_t arena = (ARENA_BYTES + 63) / 64 * 64, states = (STATES_BYTES + 63) / 64 * 64;
    ASAN_POISON_MEMORY_REGION(contexts[i]->arena + ARENA_BYTES, arena - ARENA_BYTES);
    ASAN_POISON_MEMORY_REGION(contexts[i]->states + STATES_BYTES, states - STATES_BYTES);
  }
  char *first = block_of(STATES_BYTES);
  take(first, STATES_BYTES);
  for (int i = 0; i < 2; i++) ampc_write(contexts[i], 0, first, STATES_BYTES);
  free(first);
  for (int32_t call = 0; call < count; call++) {
    one_call what;
    take(&what, sizeof what);
    char *inputs = block_of((size_t)what.inputs);
    take(inputs, (size_t)what.inputs);
    double *outputs[2];
    for (int i = 0; i < 2; i++) {
      outputs[i] = calloc((size_t)what.outputs + 1, sizeof(double));
      memset(contexts[i]->arena, i == 0 ? 0 : 0xff, ARENA_BYTES);
      ampc_call(contexts[i], what.function, inputs, outputs[i], call & 3);
    }
    for (int32_t i = 0; i < what.outputs; i++) {
      if (memcmp(&outputs[0][i], &outputs[1][i], sizeof(double)) == 0) continue;
      fprintf(stderr, "output %d of call %d: %.17g, %.17g\n", (int)i, (int)call, outputs[0][i], outputs[1][i]);
      _Exit(6);
    }
    for (int64_t i = 0; i < STATES_BYTES; i++) {
      if (contexts[0]->states[i] == contexts[1]->states[i]) continue;
      fprintf(stderr, "byte %lld of the states differs after call %d\n", (long long)i, (int)call);
      _Exit(6);
    }
    free(inputs);
    for (int i = 0; i < 2; i++) free(outputs[i]);
  }
  for (int i = 0; i < 2; i++) ampc_destroy(contexts[i]);
  return 0;
}
`;

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function packInputs({ inputs, inputBytes }: FunctionLayout, values: Inputs): Uint8Array {
  const block = new Uint8Array(inputBytes);
  for (const [name, { offset }] of inputs) block.set(bytesOf(values[name]!), offset);
  return block;
}

/** The program's input: training steps, micro-batches first, then an evaluation, from the initial states. */
function script(plan: Plan, { functions, states }: CSource): Buffer {
  const block = new Uint8Array(states.bytes);
  for (const [name, values] of initialStates(plan, 3)) block.set(bytesOf(values), states.slots.get(name)!.offset);
  const training = plan.functions.filter(({ name }) => name !== 'eval_step').reverse();
  const order = [...Array.from({ length: STEPS }, () => training).flat(), ...plan.functions.filter(({ name }) => name === 'eval_step')];
  const calls = order.flatMap((fn, step) => {
    const layout = functions.find(({ name }) => name === fn.name)!;
    const inputs = packInputs(layout, inputsAt(fn, step));
    return [bytesOf(Int32Array.of(functions.indexOf(layout), inputs.length, layout.scalars.length)), inputs];
  });
  return Buffer.concat([bytesOf(Int32Array.of(order.length)), block, ...calls]);
}

export interface Build {
  readonly compiler: Compiler;
  readonly target: Target;
  readonly sanitizers: Sanitizers;
  /** Changes the generated C: to see that faults are found. */
  readonly spoil?: (text: string) => string;
}

/** Compiles a plan with sanitizers and runs it. What they found, or what depended on uninitialised memory; empty when all is well. */
export async function findFaults(plan: Plan, { compiler, target, sanitizers, spoil = (text) => text }: Build): Promise<string> {
  const source = emitC(plan, target);
  const folder = mkdtempSync(join(tmpdir(), 'ampc-sanitized-'));
  try {
    writeFileSync(join(folder, 'plan.c'), spoil(source.text));
    writeFileSync(join(folder, 'main.c'), MAIN);
    const program = join(folder, 'main');
    const { scratch } = contextFor(source, THREADS);
    const checks = [`-fsanitize=${sanitizers}`, '-fno-sanitize-recover=all', '-fno-omit-frame-pointer', '-g1', '-O1', '-Wno-psabi'];
    const sizes = [`-DTHREADS=${THREADS}`, `-DSCRATCH=${scratch}`];
    const flags = [...compilerFlags(target, source.text), ...checks, ...sizes, '-o', program, join(folder, 'main.c'), '-lm', '-pthread'];
    const { ok, stderr } = await runProgram(compiler.command, flags);
    if (!ok) throw new Error(`the compiler refused the generated code: ${stderr}`);
    return await new Promise((resolve) => {
      const child = execFile(program, [], { maxBuffer: 1 << 26 }, (error, _stdout, said) =>
        resolve(error === null ? '' : `${error.signal ?? `exit code ${error.code}`}\n${said}`),
      );
      // A program that ends early closes the pipe; the callback reports it.
      child.stdin?.on('error', () => {});
      child.stdin?.end(script(plan, source));
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Why programs with these sanitizers cannot be built and run here; undefined when they can. */
export async function missingSanitizers(compiler: Compiler, sanitizers: Sanitizers): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'ampc-sanitized-'));
  try {
    writeFileSync(join(folder, 'main.c'), 'int main(void) { return 0; }\n');
    const program = join(folder, 'main');
    const built = await runProgram(compiler.command, [`-fsanitize=${sanitizers}`, '-o', program, join(folder, 'main.c'), '-pthread']);
    if (!built.ok) return `${compiler.version} has no -fsanitize=${sanitizers}`;
    return (await runProgram([program], [])).ok ? undefined : `programs with -fsanitize=${sanitizers} do not run here`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
