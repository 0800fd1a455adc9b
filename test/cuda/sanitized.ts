import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cudaSource, emitCuda } from '../../src/codegen/cuda/emit.js';
import type { Place } from '../../src/codegen/gpu/layout.js';
import type { Plan } from '../../src/plan/plan.js';
import { COMPILER, EMU, MEETS } from './emulated.js';

const run = promisify(execFile);

/** What each sanitizer is asked for. */
const FLAGS = {
  none: [],
  address: ['-fsanitize=address', '--param', 'asan-stack=0'],
  thread: ['-fsanitize=thread'],
} as const;

export type Sanitizer = keyof typeof FLAGS;

/** Memory that belongs together: places that overlap. */
function piecesOf(places: readonly Place[]): { readonly start: number; readonly end: number }[] {
  const pieces: { start: number; end: number }[] = [];
  for (const { offset, bytes } of places.toSorted((a, b) => a.offset - b.offset)) {
    const last = pieces.at(-1);
    if (last !== undefined && offset < last.end) last.end = Math.max(last.end, offset + bytes);
    else pieces.push({ start: offset, end: offset + bytes });
  }
  return pieces;
}

/**
 * A program that runs all kernels of a plan once, on allocations of exactly the bytes that they are bound to, filled with small
 * numbers: what is computed does not matter, but which bytes are touched.
 */
function programOf(plan: Plan, change: (source: string) => string): string {
  const program = emitCuda(plan, undefined, { apart: true });
  const all = program.functions.flatMap(({ launches }) =>
    launches.flatMap(({ places, tables }) => [...places, ...tables.flatMap((t) => t.places)]),
  );
  const blocks = [...new Set(all.map(({ block }) => block))];
  const pieces = new Map(blocks.map((block) => [block, piecesOf(all.filter((place) => place.block === block))]));
  const name = ({ block, offset }: Place) => {
    const at = pieces.get(block)!.findIndex(({ start, end }) => start <= offset && offset < Math.max(end, start + 1));
    return `${block}_${at} + ${offset - pieces.get(block)![at]!.start}`;
  };
  const memory = [...pieces].flatMap(([block, list]) => list.map(({ start, end }, i) => [`${block}_${i}`, end - start] as const));
  const calls = program.functions.flatMap(({ launches }) =>
    launches.map(({ kernel, blocks: count, places, tables }) => {
      const { name: called, threads, code, functions, parameters, tables: structures } = program.kernels[kernel]!;
      const meet = MEETS.test([code, ...functions].join('\n'));
      const arrays = places.map((place, p) => `(ampc::${parameters[p]!.type} *)(${name(place)})`);
      const filled = tables.map(
        (table, t) => `ampc::${structures[t]!} t${t};
  { unsigned char *p[] = {${table.places.map(name).join(', ') || 'nullptr'}}; unsigned w[] = {${table.words.join(', ')}};
    memcpy(&t${t}, p, ${8 * table.places.length}); memcpy((char *)&t${t} + ${8 * table.places.length}, w, sizeof w); }`,
      );
      const given = ['0u', ...arrays, ...tables.map((_, t) => `t${t}`)].join(', ');
      return `  { ${filled.join(' ')}
    emu::launch(${count}, 1, ${threads}, ${meet}, [&] { ampc::${called}(${given}); }); }`;
    }),
  );
  return `${change(cudaSource(program))}
static unsigned char *bytes(size_t n, bool zero) {
  unsigned char *p = (unsigned char *)malloc(n);
  for (size_t i = 0; i < n; i += 1) p[i] = !zero && i % 4 == 3 ? 0x3e : 0;
  return p;
}
${memory.map(([variable]) => `static unsigned char *${variable};`).join('\n')}
int main() {
${memory.map(([variable, size]) => `  ${variable} = bytes(${size}, ${/^(?:inputs|work)/.test(variable)});`).join('\n')}
${calls.join('\n')}
  fprintf(stdout, "conflicts %llu of %llu\\n", emu::conflicts, emu::accesses);
}
`;
}

export interface Checked {
  /** What the sanitizer said; empty: nothing. */
  readonly report: string;
  /** Rows that `ldmatrix` has to wait for since another one lies in the same banks, and how often eight rows are loaded. */
  readonly conflicts: number | undefined;
  readonly loads: number | undefined;
}

/** Runs a plan's kernels under a sanitizer, in a program of their own. `change`: faults that are planted in the source. */
export async function sanitize(
  plan: Plan,
  sanitizer: Sanitizer,
  change: (source: string) => string = (source) => source,
): Promise<Checked> {
  const folder = await mkdtemp(join(tmpdir(), 'ampc-sanitized-'));
  try {
    const [source, program] = [join(folder, 'kernels.cpp'), join(folder, 'kernels')];
    await writeFile(source, programOf(plan, change));
    const flags = ['-std=c++17', '-O1', '-g', '-ffp-contract=off', '-fno-strict-aliasing', '-w', ...FLAGS[sanitizer], '-include', EMU];
    await run(COMPILER, [...flags, source, '-o', program], { maxBuffer: 2 ** 24 });
    const env = { ...process.env, ASAN_OPTIONS: 'detect_leaks=0', TSAN_OPTIONS: 'halt_on_error=1' };
    const { stdout, stderr } = await run(program, [], { env, maxBuffer: 2 ** 26 }).catch(
      (error: { stdout: string; stderr: string }) => error,
    );
    const [, conflicts, loads] = /conflicts (\d+) of (\d+)/.exec(stdout) ?? [];
    return {
      report: stderr,
      conflicts: conflicts === undefined ? undefined : Number(conflicts),
      loads: loads === undefined ? undefined : Number(loads),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
