import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import koffi from 'koffi';
import type { Context } from 'mocha';
import { type CudaFunction, type CudaProgram, cudaSource, emitCuda } from '../../src/codegen/cuda/emit.js';
import type { Block, Place } from '../../src/codegen/gpu/layout.js';
import { type DType, elementCount, type TensorType } from '../../src/ir/types.js';
import { narrow, widen } from '../../src/numeric/encoding.js';
import { isNarrow } from '../../src/numeric/formats.js';
import type { FunctionName, Plan } from '../../src/plan/plan.js';
import type { Executable, Inputs, Scalars } from '../../src/runtime/backend.js';
import { copiesOf, ownStates } from '../../src/runtime/copies.js';
import { valuesOf } from '../../src/runtime/cuda/launches.js';
import { decodeElements, encodeElements, type StateElements } from '../../src/runtime/state-elements.js';
import { skip } from '../support/skip.js';

const run = promisify(execFile);

/** Header that stands for the device. */
export const EMU = fileURLToPath(new URL('emu.h', import.meta.url));

export const COMPILER = 'g++';

/** Skips the suite, with the reason, where the compiler of the tests cannot be had. */
export async function needCompiler(context: Context): Promise<void> {
  const there = await run(COMPILER, ['--version']).then(
    () => true,
    () => false,
  );
  if (!there) skip(context, `${COMPILER} is not installed`);
}

const BLOCKS: readonly Block[] = ['states', 'inputs', 'arena', 'work'];

/** What only kernels in which threads meet call. */
export const MEETS = new RegExp(readFileSync(new URL('meets.txt', import.meta.url), 'utf8'));

/** `ampc_launch`: a kernel on so many blocks, with the addresses of its parameters. */
function entry({ kernels }: CudaProgram): string {
  const cases = kernels.map(({ name, threads, code, functions, parameters, tables }, i) => {
    const types = [
      'const unsigned',
      ...parameters.map(({ type, access }) => `${access === 'read' ? 'const ' : ''}ampc::${type} *const`),
      ...tables.map((table) => `const ampc::${table}`),
    ];
    const args = types.map((type, p) => `*(${type} *)p[${p}]`);
    const meet = MEETS.test([code, ...functions].join('\n'));
    return `case ${i}: emu::launch(blocks, 1, ${threads}, ${meet}, [&] { ampc::${name}(${args.join(', ')}); }); break;`;
  });
  return `extern "C" void ampc_launch(unsigned kernel, unsigned blocks, void **p) {
  switch (kernel) {
    ${cases.join('\n    ')}
  }
}
`;
}

function scalarOf(dtype: DType, bytes: Uint8Array): number {
  const words = new Uint32Array(bytes.slice(0, 4).buffer);
  if (dtype === 'i32') return words[0]! | 0;
  return dtype === 'bool' ? words[0]! : widen(dtype, bytes)[0]!;
}

function bytesOf({ shape, dtype }: TensorType): number {
  return elementCount(shape) * (isNarrow(dtype) ? 2 : dtype === 'u8' ? 1 : 4);
}

/** A plan's kernels on the processor. */
class Emulated implements Executable {
  readonly compileMs = 0;
  readonly memory: Executable['memory'];
  readonly #blocks: readonly Uint8Array[];
  #scalars: Scalars[] = [];
  #last: CudaFunction | undefined;
  /** What a kernel is given must not be collected while it runs. */
  given: readonly BigUint64Array[] = [];

  constructor(
    private readonly plan: Plan,
    private readonly program: CudaProgram,
    private readonly native: (kernel: number, blocks: number, parameters: BigUint64Array) => void,
    private readonly close: () => Promise<void>,
  ) {
    const { states, inputs, arena, workspace } = program.memory;
    this.memory = { states, arena, workspace };
    this.#blocks = [states, inputs, arena, workspace].map((bytes) => new Uint8Array(bytes + 64));
  }

  #at({ block, offset }: Pick<Place, 'block' | 'offset'>, bytes: number): Uint8Array {
    return this.#blocks[BLOCKS.indexOf(block)]!.subarray(offset, offset + bytes);
  }

  async call(name: FunctionName, inputs: Inputs): Promise<void> {
    const fn = this.program.functions.find((other) => other.name === name)!;
    for (const [input, { type, offset }] of fn.layout.inputs) {
      const given = inputs[input]!;
      this.#at({ block: 'inputs', offset }, bytesOf(type)).set(new Uint8Array(given.buffer, given.byteOffset, given.byteLength));
    }
    const early = this.#scalarsOf(fn, true);
    const [states, inputBytes, arena, work] = this.#blocks.map((block) => koffi.address(block));
    for (const launch of fn.launches) {
      const values = valuesOf(launch, { states: states!, inputs: inputBytes!, arena: arena!, work: work! });
      this.given = values;
      this.native(
        launch.kernel,
        launch.blocks,
        BigUint64Array.from(values, (value) => BigInt(koffi.address(value))),
      );
    }
    this.#scalars.push({ ...early, ...this.#scalarsOf(fn, false) });
    this.#last = fn;
  }

  /** Those that are states or inputs have the value from before the call. */
  #scalarsOf({ layout }: CudaFunction, early: boolean): Scalars {
    const found = layout.scalars.flatMap(({ name, dtype, source }): [string, number][] => {
      if (typeof source === 'number') return early ? [[name, source]] : [];
      if ((source.block === 'states' || source.block === 'inputs') !== early) return [];
      return [[name, scalarOf(dtype, this.#at(source, 4))]];
    });
    return Object.fromEntries(found);
  }

  async drain(): Promise<readonly Scalars[]> {
    return this.#scalars.splice(0);
  }

  async readOutput(name: string): Promise<Float32Array> {
    const { type, place } = this.#last!.layout.tensors.get(name)!;
    return widen(type.dtype, this.#at(place, bytesOf(type)).slice());
  }

  async nonFinite(): Promise<undefined> {
    return undefined;
  }

  async readStates(names?: readonly string[]): Promise<ReadonlyMap<string, StateElements>> {
    const { slots } = this.program.states;
    const read = (name: string): StateElements => {
      const { type, offset } = slots.get(name)!;
      return decodeElements(type, this.#at({ block: 'states', offset }, bytesOf(type)));
    };
    return new Map((names ?? ownStates(this.plan)).map((name) => [name, read(name)]));
  }

  async writeStates(values: ReadonlyMap<string, StateElements>): Promise<void> {
    const copies = copiesOf(this.plan);
    const { slots } = this.program.states;
    const write = (name: string, bytes: Uint8Array) =>
      this.#at({ block: 'states', offset: slots.get(name)!.offset }, bytes.length).set(bytes);
    for (const [name, elements] of values) {
      const { buffer, byteOffset, byteLength } = encodeElements(slots.get(name)!.type, elements);
      write(name, new Uint8Array(buffer, byteOffset, byteLength));
      for (const copy of copies.get(name) ?? []) write(copy.name, narrow(copy.dtype, elements as Float32Array));
    }
  }

  dispose(): Promise<void> {
    return this.close();
  }
}

/** Compiles a plan's kernels for the processor. `change`: faults that are planted in their source. */
export async function emulate(plan: Plan, change: (source: string) => string = (source) => source): Promise<Executable> {
  const program = emitCuda(plan);
  const folder = await mkdtemp(join(tmpdir(), 'ampc-cuda-'));
  const [source, library] = [join(folder, 'kernels.cpp'), join(folder, 'kernels.so')];
  await writeFile(source, `${change(cudaSource(program))}${entry(program)}`);
  const flags = [
    '-std=c++17',
    '-O1',
    '-ffp-contract=off',
    '-fno-strict-aliasing',
    '-fPIC',
    '-shared',
    '-Wall',
    '-Werror',
    '-Wno-unused',
    '-Wno-dangling-pointer',
    '-include',
    EMU,
  ];
  await run(COMPILER, [...flags, source, '-o', library], { maxBuffer: 2 ** 24 });
  const loaded = koffi.load(library);
  const call = loaded.func('void ampc_launch(uint32_t kernel, uint32_t blocks, void *parameters)');
  return new Emulated(plan, program, call as unknown as Emulated['native'], async () => {
    loaded.unload();
    await rm(folder, { recursive: true });
  });
}
