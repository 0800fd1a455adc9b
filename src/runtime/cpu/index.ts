import { availableParallelism } from 'node:os';
import { C_ATTRIBUTES } from '../../codegen/attributes.js';
import { emitC, emitFile } from '../../codegen/c/emit.js';
import { filesOf } from '../../codegen/c/files.js';
import { type Target, targetFor } from '../../codegen/c/target.js';
import { UserError } from '../../diagnostics/diagnostic.js';
import { cacheFolder } from '../../files/cache-folder.js';
import { isOfTail, type Plan } from '../../plan/plan.js';
import { defaultTarget } from '../../plan/target.js';
import { checkAttributes } from '../attributes.js';
import type { Backend, BackendInfo, LoadOptions, MachineLimits, ProbeOptions } from '../backend.js';
import { checkPeers } from '../collectives.js';
import { buildLibrary } from './cache.js';
import { type Compiler, findCompiler } from './compiler.js';
import { describeDevice, detectTarget } from './detect.js';
import { CpuExecutable, type LoadLater } from './executable.js';
import { LoadedLibrary } from './library.js';
import { measureLimits } from './limits.js';
import { contextFor, NATIVE_FUNCTIONS, openLibrary, workspaceBytes } from './native.js';
import { userFlags } from './user-flags.js';

export { CpuExecutable } from './executable.js';

type FindCompiler = (asking?: Pick<LoadOptions, 'signal'>) => Promise<Compiler>;

async function probe(find: FindCompiler, { signal }: ProbeOptions = {}): Promise<BackendInfo> {
  try {
    const compiler = await find({ signal });
    const processor = await detectTarget(compiler, { signal });
    return {
      name: 'cpu',
      available: true,
      device: describeDevice(processor),
      target: defaultTarget('cpu'),
      details: {
        compiler: `${compiler.version} (${compiler.origin})`,
        'instruction set': processor.isa,
        cache: cacheFolder('kernels') ?? 'none: this user has no home folder, and AMPC_CACHE names none',
      },
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const [{ message, why, fix }] = error.diagnostics as [UserError['diagnostics'][number]];
    return {
      name: 'cpu',
      available: false,
      target: defaultTarget('cpu'),
      reason: [message, why, fix].filter((part) => part !== undefined).join('; '),
    };
  }
}

function threadCount({ threads = 0 }: LoadOptions): number {
  return threads === 0 ? availableParallelism() : threads;
}

async function load(find: FindCompiler, plan: Plan, options: LoadOptions = {}): Promise<CpuExecutable> {
  checkAttributes(plan, 'cpu', C_ATTRIBUTES);
  checkPeers(plan, options.peers);
  const compiler = await find(options);
  const target = await detectTarget(compiler, options);
  const started = performance.now();
  const source = emitC(plan, target);
  const { signal, onNotice } = options;
  const library = await buildLibrary(source.text, compiler, target, userFlags(), { signal, onNotice, functions: NATIVE_FUNCTIONS });
  const compileMs = performance.now() - started;
  const native = openLibrary(library.path, contextFor(source, threadCount(options)));
  if (options.peers?.native !== undefined) native.join(options.peers.native);
  return new CpuExecutable(plan, source, native, compileMs, laterLoader(plan, compiler, target, options));
}

/** For the files behind the first. */
function laterLoader(plan: Plan, compiler: Compiler, target: Target, options: LoadOptions): LoadLater {
  return async (file, beside, build) => {
    const source = emitFile(plan, target, file);
    const { path } = await buildLibrary(source.text, compiler, target, userFlags(), {
      ...build,
      onNotice: options.onNotice,
      functions: NATIVE_FUNCTIONS,
    });
    const native = openLibrary(path, contextFor(source, threadCount(options)), beside);
    if (options.peers?.native !== undefined) native.join(options.peers.native);
    return new LoadedLibrary(source, native);
  };
}

/** Without a compiler to ask for the processor's instructions: those that every processor of its kind has. */
async function workspace(find: FindCompiler, plan: Plan, options: LoadOptions = {}): Promise<number> {
  checkAttributes(plan, 'cpu', C_ATTRIBUTES);
  const target = await find().then(detectTarget, () => targetFor('plain', 'other'));
  // What the smaller batch of a tail needs besides is little, and is not counted.
  const usual = filesOf(plan).flatMap((functions, file) => (functions.every(({ name }) => isOfTail(name)) ? [] : [file]));
  const sources = usual.map((file) => emitFile(plan, target, file));
  return sources.reduce((sum, source) => sum + workspaceBytes(source, contextFor(source, threadCount(options))), 0);
}

async function limits(find: FindCompiler, options: LoadOptions & { readonly seconds?: number } = {}): Promise<MachineLimits> {
  const compiler = await find();
  return measureLimits(compiler, await detectTarget(compiler), threadCount(options), options.seconds);
}

/** Plans as C, compiled by this machine's C compiler. */
export function createBackend(): Backend {
  // Asked once: a process takes longer to start than a plan to load.
  let compiler: Compiler | undefined;
  const find: FindCompiler = async (asking) => {
    compiler ??= await findCompiler(asking);
    return compiler;
  };
  return {
    name: 'cpu',
    probe: (options) => probe(find, options),
    load: (plan, options) => load(find, plan, options),
    workspace: (plan, options) => workspace(find, plan, options),
    limits: (options) => limits(find, options),
  };
}

const LATER = '/* Another file: compiled for itself, while the first steps run. */\n';

/**
 * The C of a plan, as it would be compiled here: one file, or several. Throws UserError without a compiler, which decides the instruction
 * set.
 */
export async function emitForThisMachine(plan: Plan): Promise<string> {
  checkAttributes(plan, 'cpu', C_ATTRIBUTES);
  const target = await detectTarget(await findCompiler());
  return filesOf(plan)
    .flatMap((_, file) => [...(file === 0 ? [] : [LATER]), emitFile(plan, target, file).text])
    .join('\n');
}
