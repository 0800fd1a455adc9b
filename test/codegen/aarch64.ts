import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CSource, emitC } from '../../src/codegen/c/emit.js';
import { targetFor } from '../../src/codegen/c/target.js';
import type { Plan } from '../../src/plan/plan.js';
import { compilerFlags } from '../../src/runtime/cpu/cache.js';
import { CpuExecutable } from '../../src/runtime/cpu/executable.js';
import { contextFor, type NativePlan } from '../../src/runtime/cpu/native.js';
import { runProgram } from '../../src/runtime/program.js';
import { IS_LONG } from '../support/amount.js';

const COMPILER = 'aarch64-linux-gnu-gcc';
const EMULATOR = 'qemu-aarch64';

/** Why plans cannot be run on an emulated aarch64 here; undefined when they can. */
export async function missingAarch64(): Promise<string | undefined> {
  for (const program of [COMPILER, EMULATOR])
    if (!(await runProgram([program], ['--version'], { timeoutMs: 60_000 })).ok) return `${program} is not installed`;
  return undefined;
}

/** Includes a plan: reads its states and inputs, makes one call, writes result, scalars, states and arena. */
const MAIN = String.raw`
#include "plan.c"
#include <stdio.h>

static int take(void *block, size_t bytes) { return fread(block, 1, bytes, stdin) == bytes; }
static int give(const void *block, size_t bytes) { return fwrite(block, 1, bytes, stdout) == bytes; }

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  const int function = atoi(argv[1]), trace = atoi(argv[4]);
  const size_t input_bytes = (size_t)atol(argv[2]), output_bytes = sizeof(double) * (size_t)atol(argv[3]);
  ampc_context *ctx = ampc_create(THREADS, SCRATCH, NULL);
  char *inputs = allocate_block(input_bytes + 64);
  double *outputs = calloc(1, output_bytes + 8);
  if (ctx == NULL || inputs == NULL || outputs == NULL) return 3;
  if (!take(ctx->states, STATES_BYTES) || !take(inputs, input_bytes)) return 4;
  const int32_t result = ampc_call(ctx, function, inputs, outputs, trace);
  if (!give(&result, sizeof result) || !give(outputs, output_bytes)) return 5;
  if (!give(ctx->states, STATES_BYTES) || !give(ctx->arena, ARENA_BYTES)) return 5;
  ampc_destroy(ctx);
  free_block(inputs, input_bytes + 64);
  free(outputs);
  return fflush(stdout) == 0 ? 0 : 5;
}
`;

function emulate(program: string, args: readonly string[], input: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { encoding: 'buffer', maxBuffer: 1 << 30 } as const;
    const child = execFile(EMULATOR, [program, ...args], options, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
    // A program that dies early closes the pipe; the callback reports it.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** The plan's context lives here; every call is a process of its own that is sent all of it and sends it back. */
function openEmulated(program: string, source: CSource, close: () => void): NativePlan {
  const { memory } = source;
  let states: Buffer = Buffer.alloc(memory.states);
  let arena: Buffer = Buffer.alloc(memory.arena + memory.workspace);
  return {
    size: contextFor(source, 2),
    context: undefined,
    async call(fn, inputs, outputs, trace) {
      const args = [fn, inputs.byteLength, outputs.length, trace].map(String);
      const reply = await emulate(program, args, Buffer.concat([states, inputs]));
      const end = 4 + outputs.byteLength;
      if (reply.length !== end + states.length + arena.length) throw new Error(`the emulated program wrote ${reply.length} bytes`);
      bytesOf(outputs).set(reply.subarray(4, end));
      states = reply.subarray(end, end + states.length);
      arena = reply.subarray(end + states.length);
      return reply.readInt32LE(0);
    },
    series: () => Promise.reject(new Error('series are not emulated')),
    readState: (offset, destination) => bytesOf(destination).set(states.subarray(offset, offset + destination.byteLength)),
    writeState: (offset, source) => states.set(bytesOf(source), offset),
    readArena: (offset, destination) => bytesOf(destination).set(arena.subarray(offset, offset + destination.byteLength)),
    times: (count) => new Float64Array(count),
    join: () => {},
    close,
  };
}

/** Cross-compiles a plan with warnings as errors, to be run in an emulator; as for users in a long run alone. */
export async function compileForAarch64(plan: Plan): Promise<CpuExecutable> {
  const target = targetFor('neon', 'arm64');
  const source = emitC(plan, target);
  const folder = mkdtempSync(join(tmpdir(), 'ampc-aarch64-'));
  const close = () => rmSync(folder, { recursive: true, force: true });
  writeFileSync(join(folder, 'plan.c'), source.text);
  writeFileSync(join(folder, 'main.c'), MAIN);
  const program = join(folder, 'main');
  const { threads, scratch } = contextFor(source, 2);
  const flags = [
    ...compilerFlags(target, source.text),
    '-Werror',
    ...(IS_LONG ? [] : ['-O1']),
    `-DTHREADS=${threads}`,
    `-DSCRATCH=${scratch}`,
    '-static',
    '-o',
    program,
    join(folder, 'main.c'),
    '-lm',
    '-pthread',
  ];
  const { ok, stderr } = await runProgram([COMPILER], flags);
  if (!ok) {
    close();
    throw new Error(`${COMPILER} refused the generated code: ${stderr}`);
  }
  return new CpuExecutable(plan, source, openEmulated(program, source, close), 0);
}
