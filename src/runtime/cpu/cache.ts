import { createHash, randomBytes } from 'node:crypto';
import { chmod, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PARTS } from '../../codegen/c/emit.js';
import { LARGEST_FRAME } from '../../codegen/c/stack.js';
import type { Target } from '../../codegen/c/target.js';
import { UserError, userError } from '../../diagnostics/diagnostic.js';
import { makeFolder } from '../../files/make-folder.js';
import { fileReason } from '../../files/reason.js';
import { cacheFolder } from '../cache-folder.js';
import { type Compiler, type RunResult, runProgram } from './compiler.js';

const SUFFIX = process.platform === 'win32' ? '.dll' : process.platform === 'darwin' ? '.dylib' : '.so';

/** Flags of every build. Without -ffast-math: infinities, NaNs and subnormals mean what they mean. */
export function compilerFlags(target: Target): string[] {
  const position = process.platform === 'win32' ? [] : ['-fPIC'];
  const math = ['-fno-math-errno', '-fno-trapping-math', '-ffp-contract=fast'];
  return ['-O3', ...target.flags, '-std=gnu11', ...position, '-fvisibility=hidden', '-fno-strict-aliasing', ...math, '-Wall'];
}

/** Makes a frame that could overflow a stack an error of the compiler. */
function frameFlags({ version }: Compiler): string[] {
  const limit = `frame-larger-than=${LARGEST_FRAME}`;
  return /clang|zig/i.test(version) ? [`-W${limit}`, '-Werror=frame-larger-than'] : [`-Werror=${limit}`];
}

function librariesAfter(): string[] {
  if (process.platform === 'win32') return [];
  return process.platform === 'darwin' ? [] : ['-lm', '-pthread'];
}

async function prepareFolder(folder: string): Promise<void> {
  try {
    await makeFolder(folder, 0o700);
    if (process.platform === 'win32') return;
    const { uid, mode } = await stat(folder);
    // A library that another user could replace would run with this user's rights.
    if (uid !== process.getuid?.())
      throw userError('AMP6023', `the kernel cache ${folder} belongs to another user`, undefined, 'set AMPC_CACHE to a folder of your own');
    if ((mode & 0o077) !== 0) await chmod(folder, 0o700);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw userError(
      'AMP6024',
      `the kernel cache ${folder} cannot be used`,
      fileReason(error),
      'set AMPC_CACHE to a folder that you can write to',
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Characters of C below which starting several compilers costs more than it saves. */
const SMALL_SOURCE = 100_000;

/** Compiles the file in parts, side by side, and links them. */
async function compile(compiler: Compiler, flags: readonly string[], source: string, output: string, parts: number): Promise<RunResult> {
  const shared = ['-shared', '-o', output];
  if (parts === 1) return runProgram(compiler.command, [...flags, ...shared, source, ...librariesAfter()]);
  const objects = Array.from({ length: parts }, (_, part) => `${source}.${part}.o`);
  try {
    const results = await Promise.all(
      objects.map((object, part) => runProgram(compiler.command, [...flags, `-DAMPC_PART=${part}`, '-c', '-o', object, source])),
    );
    return results.find(({ ok }) => !ok) ?? (await runProgram(compiler.command, [...flags, ...shared, ...objects, ...librariesAfter()]));
  } finally {
    await Promise.all(objects.map((object) => rm(object, { force: true })));
  }
}

export interface Library {
  readonly path: string;
  /** False: it was in the cache. */
  readonly compiled: boolean;
}

/**
 * Compiles C to a shared library, or takes it from the cache: the name is a hash of the source, the compiler's version and the flags. Written
 * beside and renamed when complete, so that processes that build the same plan at once both succeed.
 * Throws UserError with the path of the kept source when the compiler refuses it.
 */
export async function buildLibrary(
  source: string,
  compiler: Compiler,
  target: Target,
  extraFlags: readonly string[] = [],
): Promise<Library> {
  const flags = [...compilerFlags(target), ...frameFlags(compiler), ...extraFlags];
  const identity = [compiler.command.join(' '), compiler.version, process.platform, process.arch, ...flags, ...librariesAfter(), source];
  const key = createHash('sha256').update(identity.join('\0')).digest('hex').slice(0, 40);
  const folder = cacheFolder();
  await prepareFolder(folder);
  const path = join(folder, `${key}${SUFFIX}`);
  if (await exists(path)) return { path, compiled: false };
  const attempt = join(folder, `${key}.${process.pid}.${randomBytes(6).toString('hex')}`);
  const [sourcePath, builtPath] = [`${attempt}.c`, `${attempt}${SUFFIX}`];
  await writeFile(sourcePath, source, { mode: 0o600 });
  const { ok, stderr } = await compile(compiler, flags, sourcePath, builtPath, source.length < SMALL_SOURCE ? 1 : PARTS);
  if (!ok) {
    await rm(builtPath, { force: true });
    const first = stderr.split('\n').find((line) => /error/i.test(line)) ?? stderr.split('\n')[0] ?? '';
    throw userError(
      'AMP6025',
      `the C compiler refused the generated code: ${first.trim()}`,
      `${compiler.version}; the source is kept in ${sourcePath}`,
      'this is a bug in ampc: report it with that file; another compiler in AMPC_CC may do meanwhile',
    );
  }
  // Onto an equal file of another process, at worst; where that one is in use and cannot be replaced, it serves as well.
  await rename(builtPath, path).catch(async (error: unknown) => {
    await rm(builtPath, { force: true });
    if (!(await exists(path))) throw error;
  });
  await rm(sourcePath, { force: true });
  return { path, compiled: true };
}
