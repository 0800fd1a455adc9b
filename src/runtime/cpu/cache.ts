import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PARTS } from '../../codegen/c/sections.js';
import { LARGEST_FRAME } from '../../codegen/c/stack.js';
import type { Target } from '../../codegen/c/target.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { fileReason, isSystemError } from '../../files/reason.js';
import { removeAbandonedBuilds, withBuildFolder } from '../builds.js';
import { compilerTimeoutMs } from '../compiler-timeout.js';
import { contentName, findKept, kernelKey, openKernels } from '../kernel-cache.js';
import { type RunOptions, type RunResult, runProgram } from '../program.js';
import type { Compiler } from './compiler.js';
import { compilerFailure, refusedSource } from './compiler-failure.js';
import { compilerJobs } from './jobs.js';
import { libraryProblem } from './library-file.js';

const SUFFIX = process.platform === 'win32' ? '.dll' : process.platform === 'darwin' ? '.dylib' : '.so';

/**
 * Characters of C from which on the compiler's time counts for more than its last optimizations: the kernels are vectors by hand, and -O2
 * left DenseNet-202's step within 5 % and took a third off its compilation while each of its kernels had code of its own
 * (docs/benchmarks.md).
 */
const LARGE_SOURCE = 3_000_000;

function optimization(source: string): string {
  return source.length < LARGE_SOURCE ? '-O3' : '-O2';
}

/** Flags of every build. Without -ffast-math: infinities, NaNs and subnormals mean what they mean. */
export function compilerFlags(target: Target, source: string): string[] {
  const position = process.platform === 'win32' ? [] : ['-fPIC'];
  const math = ['-fno-math-errno', '-fno-trapping-math', '-ffp-contract=fast'];
  return [
    optimization(source),
    ...target.flags,
    '-std=gnu11',
    ...position,
    '-fvisibility=hidden',
    '-fno-strict-aliasing',
    ...math,
    '-Wall',
  ];
}

function librariesAfter(): string[] {
  if (process.platform === 'win32') return [];
  return process.platform === 'darwin' ? [] : ['-lm', '-pthread'];
}

/** Makes a frame that could overflow a stack an error of the compiler. */
function frameFlags({ version }: Compiler): string[] {
  const limit = `frame-larger-than=${LARGEST_FRAME}`;
  return /clang|zig/i.test(version) ? [`-W${limit}`, '-Werror=frame-larger-than'] : [`-Werror=${limit}`];
}

/** Characters of C below which starting several compilers costs more than it saves. */
const SMALL_SOURCE = 100_000;

export interface BuildOptions {
  /** While other work goes on: on one processor, and giving way to it. */
  readonly background?: boolean | undefined;
  /** Aborting it ends the compiler; the build then fails with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Functions that the library must have. */
  readonly functions?: readonly string[] | undefined;
  /** Told when nothing can be kept. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

/** Compiles `source` in `folder`, in parts of which so many are compiled side by side, and links them; one job compiles it as a whole. */
async function compile(
  compiler: Compiler,
  flags: readonly string[],
  [folder, source, output]: readonly [folder: string, source: string, output: string],
  jobs: number,
  { signal, background }: BuildOptions,
): Promise<RunResult> {
  const options: RunOptions = { signal, background, temporary: folder, timeoutMs: compilerTimeoutMs() };
  const shared = ['-shared', '-o', output];
  if (jobs === 1) return runProgram(compiler.command, [...flags, ...shared, source, ...librariesAfter()], options);
  const objects = Array.from({ length: PARTS }, (_, part) => join(folder, `kernels.${part}.o`));
  const results: RunResult[] = [];
  const left = [...objects.entries()];
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift())
      results.push(await runProgram(compiler.command, [...flags, `-DAMPC_PART=${next[0]}`, '-c', '-o', next[1], source], options));
  };
  await Promise.all(Array.from({ length: jobs }, work));
  const failed = results.find(({ ok }) => !ok);
  return failed ?? runProgram(compiler.command, [...flags, ...shared, ...objects, ...librariesAfter()], options);
}

export interface Library {
  readonly path: string;
  /** False: it was in the cache. */
  readonly compiled: boolean;
}

/** Throws UserError AMP6051 when what a compiler wrote, though it ended well, is no library with the functions. */
async function checkedBytes(path: string, compiler: Compiler, functions: readonly string[]): Promise<Buffer> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
  const problem = libraryProblem(path, bytes, functions);
  if (problem === undefined) return bytes;
  throw userError(
    'AMP6051',
    'the C compiler ended without an error, but what it wrote is no library that can be loaded',
    `${compiler.version}: ${problem}`,
    'run it again; if it stays so, update the compiler, or name another one in AMPC_CC',
  );
}

interface Build {
  readonly cache: string;
  readonly key: string;
  readonly source: string;
  readonly compiler: Compiler;
  readonly flags: readonly string[];
  readonly options: BuildOptions;
}

/** Compiles in a folder of its own, and gives the library its name when it is complete and has been loaded once. */
async function build({ cache, key, source, compiler, flags, options }: Build): Promise<string> {
  return withBuildFolder(cache, async (folder) => {
    const [sourcePath, builtPath] = [join(folder, 'kernels.c'), join(folder, `kernels${SUFFIX}`)];
    await writeFile(sourcePath, source, { mode: 0o600 });
    const jobs = options.background === true || source.length < SMALL_SOURCE ? 1 : compilerJobs();
    const result = await compile(compiler, flags, [folder, sourcePath, builtPath], jobs, options);
    if (!result.ok) {
      const failure = compilerFailure(compiler, result, cache);
      if (failure !== undefined) throw failure;
      const kept = join(cache, `${key}.c`);
      await rename(sourcePath, kept);
      throw refusedSource(compiler, result, kept);
    }
    const bytes = await checkedBytes(builtPath, compiler, options.functions ?? []);
    await chmod(builtPath, 0o700);
    const path = join(cache, contentName(key, bytes, SUFFIX));
    // Onto an equal file of another process, at worst; where that one is in use and cannot be replaced, it serves as well.
    await rename(builtPath, path).catch(async (error: unknown) => {
      if ((await findKept(cache, key, SUFFIX))?.path !== path) throw error;
    });
    return path;
  });
}

/**
 * Compiles C to a shared library, or takes it from the cache: its key is a hash of the source, the compiler's version and the flags, and it
 * is loaded only while its bytes are those that were built. Processes that build the same plan at once all succeed.
 * Throws UserError: AMP6023 and AMP6024 as `openCache`, AMP6025 with the path of the kept source when the compiler refuses it, AMP6026 to
 * AMP6029 and AMP6055 when something else ended it, AMP6050 and AMP6051 when what it wrote cannot be loaded.
 */
export async function buildLibrary(
  source: string,
  compiler: Compiler,
  target: Target,
  extraFlags: readonly string[] = [],
  options: BuildOptions = {},
): Promise<Library> {
  const flags = [...compilerFlags(target, source), ...frameFlags(compiler), ...extraFlags];
  const identity = [compiler.command.join(' '), compiler.version, process.platform, process.arch, ...flags, ...librariesAfter(), source];
  const key = kernelKey(identity);
  const cache = await openKernels(options.onNotice);
  try {
    const found = await findKept(cache, key, SUFFIX);
    if (found !== undefined) return { path: found.path, compiled: false };
    await removeAbandonedBuilds(cache);
    return { path: await build({ cache, key, source, compiler, flags, options }), compiled: true };
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw userError(
      'AMP6024',
      `the cache ${cache} cannot be used`,
      fileReason(error),
      'make room there, or set AMPC_CACHE to a folder that you can write to',
    );
  }
}
